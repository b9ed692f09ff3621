// From the server to the panes, and from the panes to a file.

// What a pane shows, as PNG: the server's own file where it holds more than the browser can show.
async function download(name) {
  const link = document.createElement('a'), original = originals.get({psnr: '0', gan: '1'}[name] ?? name);
  if (original) link.href = original.url;
  else link.href = URL.createObjectURL(await png(name));
  link.download = `esrgan-${name}${name in alpha ? `-alpha-${alpha[name].toFixed(2)}` : ''}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function png(name) {
  if (name === 'wipe') return new Promise(done => paneOf('wipe').querySelector('canvas').toBlob(done));
  const picture = name === 'difference' ? composite(name).canvas : source(name);
  if (picture instanceof OffscreenCanvas) return picture.convertToBlob();
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, 0, 0);
  return canvas.convertToBlob();
}

async function fetched(file) {
  const blob = await (await fetch(file.url)).blob();
  return createImageBitmap(blob, {colorSpaceConversion: 'none', premultiplyAlpha: 'none'});
}

async function load() {
  const view = props.value;
  if (!view || !view.run) return;
  if (over.has(view.run)) return; // a late word of a comparison that another has replaced
  if (view.run !== run) begin(view);
  const mine = run;
  const wanted = [...view.pictures.map(p => [p.name, p]), ...view.frames.map(f => [String(f.alpha), f])];
  await Promise.all(wanted.map(async ([name, {file, original}]) => {
    if (asked.has(name)) return;
    asked.add(name);
    if (original) originals.set(name, original);
    const bitmap = await fetched(file);
    if (mine === run) bitmaps.set(name, bitmap);
  }));
  if (mine !== run) return;
  scores = view.scores;
  link = view.link;
  imageScore = view.image;
  const waiting = keys.length < view.frames.length;
  keys = view.frames.map(frame => frame.alpha).filter(key => bitmaps.has(String(key))).sort((a, b) => a - b);
  if (view.exact && view.exact.file.url !== exact?.file.url) await takeExact(view.exact, mine);
  if (waiting || view.exact) { updateNetwork(); updateImage(); }
  offerPanes();
  root.dataset.complete = view.complete;
  stale = null;
  draw();
  if (view.complete) prepareBrightness();
  const scored = imageScore?.alpha === alpha.image && imageScore.third === thirdShare('image');
  if (view.complete && !(scored && (obstacle !== null || isExact()))) restTimer = setTimeout(rested, 4 * REST_MS);
}

function begin(view) {
  over.add(run);
  ({run, width, height} = view);
  titles = {...TITLES, ...view.titles};
  obstacle = view.obstacle ?? null;
  thirdObstacle = view.third_obstacle ?? null;
  Object.assign(root.dataset, {run, complete: false, frames: 0});
  delete root.dataset.error;
  for (const bitmap of bitmaps.values()) bitmap.close();
  asked = new Set(); originals = new Map(); bitmaps = new Map(); bytes = new Map(); maps = new Map();
  shares.clear(); keys = []; exact = null; zoom = null; onlyPane = null;
  if (mark) setMark(null);
  for (const kind in view.start ?? {}) {
    alpha[kind] = view.start[kind];
    sliders[kind].querySelector('input').value = alpha[kind];
  }
  if (view.start) rested();        // so that the figures begin with these α
  const [x, y, w, h] = view.link.mark;
  if (x + w <= width && y + h <= height) setMark({x, y, w, h});
}

async function takeExact(arrived, mine) {
  const bitmap = await fetched(arrived.file);
  if (mine !== run) return;
  bitmaps.set('exact', bitmap);
  bytes.delete('exact');
  exact = {...arrived, error: null};
  if (width * height > PIXELS_IN_MEMORY) return;
  const {low, high, t} = neighbours(arrived.alpha), guess = new Uint8ClampedArray(4 * width * height);
  const share = arrived.third;
  blendThree(rgba(low), rgba(high), rgba(share ? 'after' : low), [(1 - share) * (1 - t), (1 - share) * t, share], guess);
  exact.error = errorOf(guess, rgba('exact'));
  root.dataset.error = `${exact.error.mean.toFixed(3)},${exact.error.high}`;
}

setMode('grid');
// One after the other: what arrived later must not be overtaken by a picture that took longer.
let loading = Promise.resolve();
const queueLoad = () => { loading = loading.then(load).catch(console.error); };
watch('value', queueLoad);
queueLoad();

// Sliders, pointers and keys.

function setAlpha(kind, value) {
  alpha[kind] = Math.min(1, Math.max(0, Math.round(value * 100) / 100));
  sliders[kind].querySelector('input').value = alpha[kind];
  if (kind !== 'image') updateNetwork();
  if (kind !== 'network') updateImage();
  repaint(...kind === 'third' ? ['network', 'image'] : [kind]);
  clearTimeout(restTimer);
  restTimer = setTimeout(rested, REST_MS);
}

// The hand rests: ask for what only the server can tell.
function rested() {
  trigger('release', {run, ...alpha});
}

function toCanvas(canvas, point) {
  const z = zoomOf(canvas);
  if (zoom === null) return {x: point.x * z, y: point.y * z};
  return {x: canvas.width / 2 + (point.x - centre.x) * z, y: canvas.height / 2 + (point.y - centre.y) * z};
}

function toPicture(canvas, event) {
  const box = canvas.getBoundingClientRect(), z = zoomOf(canvas);
  const x = (event.clientX - box.left) * canvas.width / box.width, y = (event.clientY - box.top) * canvas.height / box.height;
  if (zoom === null) return {x: x / z, y: y / z};
  return {x: centre.x + (x - canvas.width / 2) / z, y: centre.y + (y - canvas.height / 2) / z};
}

// Zoom by a factor and keep a point of the picture where it is on the screen.
function zoomBy(factor, canvas, point) {
  const before = zoomOf(canvas) / devicePixelRatio, fit = canvas.width / width / devicePixelRatio;
  if (zoom === null) centre = {x: width / 2, y: height / 2};
  point ??= centre;
  const after = Math.min(MAX_ZOOM, before * factor);
  if (after <= fit) { zoom = null; return repaint(); }
  centre = {x: point.x + (centre.x - point.x) * before / after, y: point.y + (centre.y - point.y) * before / after};
  zoom = after;
  keepInside(canvas);
}

function keepInside(canvas) {
  const z = zoomOf(canvas), halfX = canvas.width / 2 / z, halfY = canvas.height / 2 / z;
  centre.x = halfX * 2 > width ? width / 2 : Math.min(width - halfX, Math.max(halfX, centre.x));
  centre.y = halfY * 2 > height ? height / 2 : Math.min(height - halfY, Math.max(halfY, centre.y));
  repaint();
}

function markAround(point) {
  const size = Number(find('.crop-size').value), w = Math.min(size, width), h = Math.min(size, height);
  const inside = (middle, side, whole) => Math.round(Math.min(whole - side, Math.max(0, middle - side / 2)));
  setMark({x: inside(point.x, w, width), y: inside(point.y, h, height), w, h});
}

function setMark(place) {
  mark = place;
  shares.clear();
  find('[data-do=unmark]').hidden = !mark;
  root.dataset.mark = mark ? `${mark.x},${mark.y},${mark.w},${mark.h}` : '';
  trigger('select', {mark});
  repaint();
}

let scrolledAt = -Infinity;        // when the page was scrolled last

function listen(canvas) {
  const fingers = new Map();
  let moved = 0, last = null, wiping = false;
  const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
  const other = event => [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
  canvas.addEventListener('pointerdown', event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    const box = canvas.getBoundingClientRect();
    wiping = mode === 'wipe' && Math.abs((event.clientX - box.left) / box.width - wipeAt) < 0.06;
    moved = 0; last = event;
    pointer = toPicture(canvas, event);
    if (lens) repaint();
  });
  canvas.addEventListener('pointermove', event => {
    pointer = toPicture(canvas, event);
    if (fingers.has(event.pointerId)) {
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, event);
      moved += Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY);
      if (fingers.size === 2) zoomBy(spread() / before, canvas, toPicture(canvas, other(event)));
      else if (wiping) {
        const box = canvas.getBoundingClientRect();
        wipeAt = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      } else if (zoom !== null && moved > 3) {
        const z = zoomOf(canvas) / devicePixelRatio;
        centre.x -= (event.clientX - last.clientX) / z;
        centre.y -= (event.clientY - last.clientY) / z;
        keepInside(canvas);
      }
      last = event;
      repaint();
    } else if (lens) repaint();
  });
  const up = event => {
    if (fingers.delete(event.pointerId) && event.type === 'pointerup' && moved <= 3 && !wiping) markAround(toPicture(canvas, event));
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('pointerleave', () => { pointer = null; if (lens) repaint(); });
  // Two fingers are ours, while one scrolls the page (see `touch-action`).
  canvas.addEventListener('touchmove', event => { if (event.touches.length > 1) event.preventDefault(); }, {passive: false});
  canvas.addEventListener('wheel', event => {
    const outOfFit = zoom === null && event.deltaY > 0;
    if (!event.ctrlKey && (outOfFit || event.timeStamp - scrolledAt < SCROLL_MS)) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300), canvas, toPicture(canvas, event));
  }, {passive: false});
}

// An address that shows the same: models and picture as far as they have names.
async function copyLink() {
  const address = new URL(location.pathname, location.origin), query = address.searchParams;
  if (link.example) query.set('example', link.example);
  query.set('as', link.kind);
  if (link.models.length) query.set('models', link.models.join(','));
  for (const kind in alpha) query.set(kind, alpha[kind]);
  if (mark && link.example) query.set('crop', root.dataset.mark);
  const box = find('input.link');
  Object.assign(box, {value: address.href, hidden: false,
    title: link.example ? '' : 'Your own picture is not part of it.'});
  box.select();
  await navigator.clipboard?.writeText(address.href).catch(() => {});
}

const anyCanvas = () => panes.querySelector('.pane:not([hidden]) canvas');
const actions = {
  in: () => zoomBy(2, anyCanvas()), out: () => zoomBy(0.5, anyCanvas()), fit: () => { zoom = null; repaint(); },
  one: () => { centre = zoom === null ? {x: width / 2, y: height / 2} : centre; zoom = 1 / devicePixelRatio; keepInside(anyCanvas()); },
  smooth: () => { smooth = !smooth; repaint(); }, lens: () => { lens = !lens; repaint(); }, unmark: () => setMark(null), link: copyLink,
};
const KEYS = {'+': 'in', '=': 'in', '-': 'out', '0': 'fit', '1': 'one', s: 'smooth', l: 'lens', Escape: 'unmark'};
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function act(name) {
  if (!width) return;
  actions[name]();
  for (const toggle of ['smooth', 'lens']) find(`[data-do=${toggle}]`).setAttribute('aria-pressed', toggle === 'smooth' ? smooth : lens);
}

root.addEventListener('keydown', event => {
  if (event.target.closest('input, select') || event.ctrlKey || event.metaKey) return;
  if (KEYS[event.key]) act(KEYS[event.key]);
  else if (event.key === '[' || event.key === ']') setAlpha('network', alpha.network + (event.key === ']' ? 0.01 : -0.01));
  else if (MOVES[event.key] && zoom !== null) {
    const canvas = anyCanvas(), step = canvas.width / zoomOf(canvas) / 10;
    centre.x += MOVES[event.key][0] * step;
    centre.y += MOVES[event.key][1] * step;
    keepInside(canvas);
  } else return;
  event.preventDefault();
});
for (const button of element.querySelectorAll('[data-do]')) button.onclick = () => act(button.dataset.do);
for (const button of element.querySelectorAll('[data-mode]')) button.onclick = () => setMode(button.dataset.mode);
for (const kind in sliders) sliders[kind].querySelector('input').oninput = event => setAlpha(kind, Number(event.target.value));
['.left', '.right'].forEach((chooser, i) => { find(chooser).onchange = event => { pair[i] = event.target.value; repaint(); }; });
find('.gain input').oninput = () => repaint();
for (const box of element.querySelectorAll('details')) box.ontoggle = () => repaint();
new ResizeObserver(() => repaint()).observe(panes);
addEventListener('scroll', () => { scrolledAt = performance.now(); }, {capture: true, passive: true});
find('.alphas').replaceChildren(...STRIP_ALPHAS.map(() => document.createElement('span')));

function setMode(chosen) {
  mode = chosen;
  for (const button of element.querySelectorAll('[data-mode]')) button.setAttribute('aria-pressed', button.dataset.mode === mode);
  find('.pair').hidden = mode === 'grid';
  find('.chips').hidden = mode !== 'grid';
  find('.gain').hidden = mode !== 'difference';
  repaint();
}

function offerPanes() {
  const there = available();
  find('.chips').replaceChildren(...there.map(name => {
    const chip = document.createElement('button');
    chip.textContent = shortTitle(name);
    chip.dataset.chip = name;
    chip.setAttribute('aria-pressed', shown.has(name));
    chip.onclick = () => { shown.delete(name) || shown.add(name); offerPanes(); repaint(); };
    return chip;
  }));
  ['.left', '.right'].forEach((chooser, i) =>
    find(chooser).replaceChildren(...there.map(name => new Option(titles[name], name, false, name === pair[i]))));
}

// The comparison viewer: draws panes of one picture from frames that are already in the browser.
// `element`, `props`, `watch` and `trigger` are gr.HTML's; `props.value` is a `View` of viewer.py.

const TITLES = {
  lr: 'LR', bicubic: 'Bicubic', psnr: 'PSNR model (α = 0)', gan: 'GAN model (α = 1)',
  after: 'GAN, loss after activation', network: 'Network interpolation', image: 'Image interpolation', hr: 'HR',
};
const SHORT = {psnr: 'PSNR', gan: 'GAN', network: 'Network α', image: 'Image α', after: 'After activation'};
const SHOWN_AT_FIRST = ['lr', 'psnr', 'gan', 'network', 'image', 'hr'];
const CURVES = {hr: '#64748b', bicubic: '#64748b', psnr: '#16a34a', gan: '#0284c7', after: '#ea580c', network: '#a21caf'};
const STRIP_ALPHAS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const REST_MS = 250;               // the exact picture is fetched when the slider has rested so long
const PIXELS_IN_MEMORY = 2.5e6;    // larger pictures are cross-faded by the canvas
const MAX_ZOOM = 64;
const SCROLL_MS = 400;             // a wheel that scrolled the page so lately goes on doing so

const find = selector => element.querySelector(selector);
const root = find('.viewer'), panes = find('.panes');
const sliders = {network: find('#network-alpha'), image: find('#image-alpha'), third: find('#third-share')};
const alpha = {network: 0.8, image: 0.8, third: 0};

let run = null, width = 0, height = 0;
const over = new Set();            // runs that another has replaced
let asked = new Set();             // names of the pictures that were asked for
let originals = new Map();         // name -> the server's file, where it holds more than 8-bit RGB
let bitmaps = new Map();           // name -> ImageBitmap; a key frame's name is its alpha as text
let bytes = new Map();             // name -> RGBA bytes
let maps = new Map();              // name -> brightness map
const shares = new Map();          // name -> shares of brightness in the marked region
let titles = TITLES, obstacle = null, thirdObstacle = null, link = null;
let scores = {}, imageScore = null, keys = [], exact = null, shown = new Set(SHOWN_AT_FIRST), onlyPane = null;
let mode = 'grid', zoom = null, centre = {x: 0, y: 0}, smooth = false, lens = false;
let mark = null, pointer = null, wipeAt = 0.5, pending = 0, restTimer = 0;
let histogramPending = 0;
let stale = null;                  // the pictures whose panes are to be drawn again; null for everything
const pair = ['psnr', 'gan'];      // what is wiped or compared
const composites = {};             // network, image, difference: {canvas, context, pixels}

// As titles, but short where a model is the usual one.
function shortTitle(name) { return titles[name] === TITLES[name] && SHORT[name] || titles[name]; }

function rgba(name) {
  if (!bytes.has(name)) {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(bitmaps.get(name), 0, 0, width, height);
    bytes.set(name, context.getImageData(0, 0, width, height).data);
  }
  return bytes.get(name);
}

function composite(name) {
  const known = composites[name];
  if (known && known.canvas.width === width && known.canvas.height === height) return known;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  const pixels = width * height <= PIXELS_IN_MEMORY ? context.createImageData(width, height) : null;
  return composites[name] = {canvas, context, pixels};
}

// Draw (1 − t) first + t second into a composite.
function mix(name, first, second, t) {
  const {context, pixels} = composite(name);
  if (pixels) {
    blend(rgba(first), rgba(second), t, pixels.data);
    context.putImageData(pixels, 0, 0);
    return;
  }
  context.globalAlpha = 1;
  context.drawImage(bitmaps.get(first), 0, 0);
  context.globalAlpha = t;
  context.drawImage(bitmaps.get(second), 0, 0);
}

// The same, of which the third model's picture has a share.
function mixThree(name, first, second, t, share) {
  const {context, pixels} = composite(name);
  if (share === 0) return mix(name, first, second, t);
  if (pixels) {
    const shares = [(1 - share) * (1 - t), (1 - share) * t, share];
    blendThree(rgba(first), rgba(second), rgba('after'), shares, pixels.data);
    return context.putImageData(pixels, 0, 0);
  }
  mix(name, first, second, t);
  context.globalAlpha = share;
  context.drawImage(bitmaps.get('after'), 0, 0);
}

// The key frames around α and where it lies between them.
function neighbours(a) {
  let j = keys.findIndex(key => key >= a - 1e-9);
  if (j < 0) j = keys.length - 1;
  const high = keys[j], low = Math.abs(high - a) < 1e-9 ? high : keys[Math.max(0, j - 1)];
  return {low: String(low), high: String(high), t: high === low ? 0 : (a - low) / (high - low)};
}

// The third model's share in the network's picture and in the image interpolation.
function thirdShare(kind) {
  return bitmaps.has('after') && (kind === 'image' || thirdObstacle === null) ? alpha.third : 0;
}

// Whether what the server sent as exact is what the sliders ask for.
function fetchedExactly() {
  return exact !== null && exact.alpha === alpha.network && exact.third === thirdShare('network');
}

function isExact() {
  const share = thirdShare('network');
  return fetchedExactly() || share === 1 || (share === 0 && keys.some(key => Math.abs(key - alpha.network) < 1e-9));
}

function updateNetwork() {
  if (obstacle !== null || !keys.length) return;
  if (fetchedExactly()) return mix('network', 'exact', 'exact', 0);
  const {low, high, t} = neighbours(alpha.network);
  mixThree('network', low, high, t, thirdShare('network'));
}

function updateImage() {
  if (bitmaps.has('0') && bitmaps.has('1')) mixThree('image', '0', '1', alpha.image, thirdShare('image'));
}

// What a pane draws, or null while it has not arrived.
function source(name) {
  if (name === 'network') return keys.length > 1 && obstacle === null ? composite('network').canvas : null;
  if (name === 'image') return keys.length > 1 ? composite('image').canvas : null;
  if (name === 'psnr') return bitmaps.get('0') ?? null;
  if (name === 'gan') return bitmaps.get('1') ?? null;
  return bitmaps.get(name) ?? null;
}

function available() { return Object.keys(TITLES).filter(name => source(name) !== null); }

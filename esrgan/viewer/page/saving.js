// @ts-check
// What visitors take away: a pane as PNG, an address that shows the same, the whole as a web page.

import {canvasOf} from './drawing.js';
import {chosenPair, composite, keyOf, source} from './pictures.js';
import {find, state} from './state.js';

/**
 * Save what a pane shows as PNG: the server's own file where it holds more than the browser shows.
 * @param {string} name
 */
export async function download(name) {
  const link = document.createElement('a'), original = state.originals.get(keyOf(name));
  link.href = original ? original.url : URL.createObjectURL(await png(name));
  link.download = fileName(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/**
 * The picture's name, the model and α: `cat_gan.png`, `cat_network-0.80.png`.
 * @param {string} pane
 */
function fileName(pane) {
  const {alpha, name} = state;
  const at = pane === 'network' || pane === 'image' ? `-${alpha[pane].toFixed(2)}` : '';
  const pair = pane === 'wipe' || pane === 'difference' ? `-${chosenPair().join('-')}` : '';
  return `${name || 'esrgan'}_${pane}${at}${pair}.png`;
}

/**
 * @param {string} name
 * @returns {Promise<Blob>}
 */
function png(name) {
  if (name === 'wipe') {
    return new Promise((done, failed) => canvasOf(name).toBlob(blob => blob ? done(blob) : failed(new Error('no PNG'))));
  }
  const picture = name === 'difference' ? composite(name).canvas : source(name);
  if (picture === null) return Promise.reject(new Error(`${name} has not arrived`));
  if (picture instanceof OffscreenCanvas) return picture.convertToBlob();
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d')?.drawImage(picture, 0, 0);
  return canvas.convertToBlob();
}

/** The address of what is on show: models and picture as far as they have names, and how it is looked at. */
export function address() {
  const {link} = state, found = new URL(location.pathname, location.origin), query = found.searchParams;
  if (link.example) query.set('example', link.example);
  query.set('as', link.kind);
  if (link.models.length) query.set('models', link.models.join(','));
  for (const [part, value] of Object.entries(look())) {
    if (part !== 'crop' || link.example) query.set(part, value);
  }
  return found.href;
}

/**
 * How the comparison is looked at: these parts of its address.
 * @returns {Record<string, string>}
 */
function look() {
  const {alpha, mark, mode, pair, zoom, centre} = state;
  return {
    network: String(alpha.network), image: String(alpha.image), third: String(alpha.third),
    ...mark && {crop: `${mark.x},${mark.y},${mark.w},${mark.h}`},
    view: mode,
    ...mode !== 'grid' && {pair: pair.join(',')},
    zoom: zoom === null ? 'fit' : [zoom, centre.x, centre.y].map(number => number.toFixed(2)).join(','),
  };
}

/** Ask the server for the comparison at hand as one file, which opens as it is looked at now. */
export function savePage() { state.trigger?.('download', look()); }

/** When the page is left, note in the browser's tab what a reload brings back; see reload.js. */
export function noteOnLeaving() {
  addEventListener('pagehide', () => {
    try {
      if (state.run) sessionStorage.setItem('comparison', JSON.stringify({run: state.run, ...look()}));
    } catch { /* the browser stores nothing */ }
  });
}

/** Copy that address, and say so, or offer it where the browser does not let us. */
export async function copyLink() {
  const box = find('input.link', HTMLInputElement), button = find('[data-do=link]', HTMLButtonElement);
  box.value = address();
  const copied = await navigator.clipboard?.writeText(box.value).then(() => true).catch(() => false) ?? false;
  box.hidden = copied;
  if (!copied) box.select();
  const words = copied ? 'Copied' : 'Copy this:';
  button.textContent = state.link.example ? words : `${words} (without your picture)`;
  setTimeout(() => { button.textContent = 'Copy link'; }, 3000);
}

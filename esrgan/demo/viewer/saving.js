// @ts-check
// What visitors take away: a pane as PNG, an address that shows the same.

import {canvasOf} from './drawing.js';
import {composite, keyOf, source} from './pictures.js';
import {find, state} from './state.js';

/**
 * Save what a pane shows as PNG: the server's own file where it holds more than the browser shows.
 * @param {string} name
 */
export async function download(name) {
  const link = document.createElement('a'), original = state.originals.get(keyOf(name)), {alpha} = state;
  link.href = original ? original.url : URL.createObjectURL(await png(name));
  const at = name === 'network' || name === 'image' ? `-alpha-${alpha[name].toFixed(2)}` : '';
  link.download = `esrgan-${name}${at}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
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

/** Copy an address that shows the same: models and picture as far as they have names. */
export async function copyLink() {
  const {link, alpha, mark} = state;
  const address = new URL(location.pathname, location.origin), query = address.searchParams;
  if (link.example) query.set('example', link.example);
  query.set('as', link.kind);
  if (link.models.length) query.set('models', link.models.join(','));
  for (const [kind, value] of Object.entries(alpha)) query.set(kind, String(value));
  if (mark && link.example) query.set('crop', `${mark.x},${mark.y},${mark.w},${mark.h}`);
  const box = find('input.link', HTMLInputElement);
  Object.assign(box, {value: address.href, hidden: false,
    title: link.example ? '' : 'Your own picture is not part of it.'});
  box.select();
  await navigator.clipboard?.writeText(address.href).catch(() => {});
}

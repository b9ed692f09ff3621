// @ts-check
// What each pane shows: pictures of the server, and blends of them made here.

import {blend, blendThree} from './pixels.js';
import {PIXELS_IN_MEMORY, state} from './state.js';

/**
 * @typedef {import('./state.js').Bytes} Bytes
 * @typedef {import('./state.js').Composite} Composite
 */

/**
 * Whether a pane's title is the usual one.
 * @param {string} name
 */
export function isUsual(name) { return state.titles[name] === state.labels[name]?.title; }

/** @returns {Record<string, string>} */
export function usualTitles() {
  return Object.fromEntries(Object.values(state.labels).map(({pane, title}) => [pane, title]));
}

/**
 * The title, but short where a model is the usual one.
 * @param {string} name
 */
export function shortTitle(name) {
  return isUsual(name) ? state.labels[name].short : state.titles[name];
}

/**
 * The key of the picture that a pane shows: the models' panes show the ends of α.
 * @param {string} pane
 */
export function keyOf(pane) { return pane === 'psnr' ? '0' : pane === 'gan' ? '1' : pane; }

/**
 * A picture that has arrived.
 * @param {string} name
 */
export function bitmapOf(name) { return /** @type {ImageBitmap} */ (state.bitmaps.get(name)); }

/**
 * Its RGBA bytes, at the results' size.
 * @param {string} name
 * @returns {Bytes}
 */
export function rgba(name) {
  const known = state.bytes.get(name);
  if (known) return known;
  const {width, height} = state;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true}));
  context.drawImage(bitmapOf(name), 0, 0, width, height);
  const {data} = context.getImageData(0, 0, width, height);
  state.bytes.set(name, data);
  return data;
}

/**
 * The canvas of a picture that is made here.
 * @param {string} name
 * @returns {Composite}
 */
export function composite(name) {
  const {width, height} = state, known = state.composites[name];
  if (known && known.canvas.width === width && known.canvas.height === height) return known;
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const pixels = width * height <= PIXELS_IN_MEMORY ? context.createImageData(width, height) : null;
  return state.composites[name] = {canvas, context, pixels};
}

/**
 * Draw (1 − t) first + t second into a composite.
 * @param {string} name
 * @param {string} first
 * @param {string} second
 * @param {number} t
 */
function mix(name, first, second, t) {
  const {context, pixels} = composite(name);
  if (pixels) {
    blend(rgba(first), rgba(second), t, pixels.data);
    context.putImageData(pixels, 0, 0);
    return;
  }
  context.globalAlpha = 1;
  context.drawImage(bitmapOf(first), 0, 0);
  context.globalAlpha = t;
  context.drawImage(bitmapOf(second), 0, 0);
}

/**
 * The same, of which the third model's picture has a share.
 * @param {string} name
 * @param {string} first
 * @param {string} second
 * @param {number} t
 * @param {number} share
 */
function mixThree(name, first, second, t, share) {
  if (share === 0) return mix(name, first, second, t);
  const {context, pixels} = composite(name);
  if (pixels) {
    blendThree(rgba(first), rgba(second), rgba('after'), sharesOf(t, share), pixels.data);
    return context.putImageData(pixels, 0, 0);
  }
  mix(name, first, second, t);
  context.globalAlpha = share;
  context.drawImage(bitmapOf('after'), 0, 0);
}

/**
 * The shares of three pictures: t between the first two, then `share` of the third.
 * @param {number} t
 * @param {number} share
 */
export function sharesOf(t, share) { return [(1 - share) * (1 - t), (1 - share) * t, share]; }

/**
 * The key frames around α and where it lies between them.
 * @param {number} a
 * @param {number[]} [keys] ascending
 */
export function neighbours(a, keys = state.keys) {
  let j = keys.findIndex(key => key >= a - 1e-9);
  if (j < 0) j = keys.length - 1;
  const high = keys[j], low = Math.abs(high - a) < 1e-9 ? high : keys[Math.max(0, j - 1)];
  return {low: String(low), high: String(high), t: high === low ? 0 : (a - low) / (high - low)};
}

/**
 * The third model's share in the network's picture and in the image interpolation.
 * @param {string} kind
 */
export function thirdShare(kind) {
  return state.bitmaps.has('after') && (kind === 'image' || state.thirdObstacle === null) ? state.alpha.third : 0;
}

/** What the server sent as exact, if that is what the sliders ask for. */
export function fetchedExactly() {
  const {exact, alpha} = state;
  return exact !== null && exact.alpha === alpha.network && exact.third === thirdShare('network') ? exact : null;
}

/** Whether the network's picture is the network's own, and no blend of its neighbours. */
export function isExact() {
  if (fetchedExactly()) return true;
  const share = thirdShare('network');
  return share === 1 || (share === 0 && state.keys.some(key => Math.abs(key - state.alpha.network) < 1e-9));
}

/** The score of the image interpolation, if it is of where the sliders stand. */
export function imageScored() {
  const {imageScore, alpha} = state;
  return imageScore?.alpha === alpha.image && imageScore.third === thirdShare('image') ? imageScore : null;
}

export function updateNetwork() {
  if (state.obstacle !== null || !state.keys.length) return;
  if (fetchedExactly()) return mix('network', 'exact', 'exact', 0);
  const {low, high, t} = neighbours(state.alpha.network);
  mixThree('network', low, high, t, thirdShare('network'));
}

export function updateImage() {
  const {bitmaps, alpha} = state;
  if (bitmaps.has('0') && bitmaps.has('1')) mixThree('image', '0', '1', alpha.image, thirdShare('image'));
}

/**
 * What a pane draws, or null while it has not arrived.
 * @param {string} name
 * @returns {OffscreenCanvas | ImageBitmap | null}
 */
export function source(name) {
  const {keys, obstacle, bitmaps} = state;
  if (name === 'network') return keys.length > 1 && obstacle === null ? composite('network').canvas : null;
  if (name === 'image') return keys.length > 1 ? composite('image').canvas : null;
  return bitmaps.get(keyOf(name)) ?? null;
}

/** The panes that have, or will have: their places are kept. */
export function expected() { return Object.keys(state.labels).filter(name => state.expected.includes(name)); }

/** The two panes that are wiped or compared. */
export function chosenPair() {
  const panes = expected();
  return state.pair.map((name, i) => panes.includes(name) ? name : panes[Math.min(i, panes.length - 1)]);
}

/**
 * Whether a pane has all that it shows.
 * @param {string} pane
 */
export function hasArrived(pane) {
  const shown = pane === 'wipe' || pane === 'difference' ? chosenPair() : [pane];
  return shown.every(name => source(name) !== null);
}

/**
 * α and the third model's share, in words.
 * @param {'network' | 'image'} kind
 */
export function sharesText(kind) {
  const share = thirdShare(kind);
  return `α = ${state.alpha[kind].toFixed(2)}` + (share ? `, third model ${share.toFixed(2)}` : '');
}

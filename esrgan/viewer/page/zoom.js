// @ts-check
// The common zoom of all panes, and the marked crop.

import {centreShown, repaint, zoomOf} from './drawing.js';
import {find, state} from './state.js';

/**
 * @typedef {import('./state.js').Point} Point
 * @typedef {import('./state.js').Box} Box
 */

const MAX_ZOOM = 64;

/**
 * Where in the picture a pointer is.
 * @param {HTMLCanvasElement} canvas
 * @param {MouseEvent} event
 * @returns {Point}
 */
export function toPicture(canvas, event) {
  const box = canvas.getBoundingClientRect(), z = zoomOf(canvas), centre = centreShown();
  const x = (event.clientX - box.left) * canvas.width / box.width;
  const y = (event.clientY - box.top) * canvas.height / box.height;
  return {x: centre.x + (x - canvas.width / 2) / z, y: centre.y + (y - canvas.height / 2) / z};
}

/**
 * Zoom by a factor and keep a point of the picture where it is on the screen.
 * @param {number} factor
 * @param {HTMLCanvasElement} canvas
 * @param {Point} [point] the centre of the pane, if none is given
 */
export function zoomBy(factor, canvas, point) {
  const before = zoomOf(canvas) / devicePixelRatio, fit = fitting(canvas);
  const centre = centreShown(), kept = point ?? centre;
  state.centre = centre;
  const after = Math.min(MAX_ZOOM, before * factor);
  if (after <= fit) { state.zoom = null; return repaint(); }
  state.centre = {
    x: kept.x + (centre.x - kept.x) * before / after,
    y: kept.y + (centre.y - kept.y) * before / after,
  };
  state.zoom = after;
  keepInside(canvas);
}

/**
 * CSS pixels a pixel at which the whole picture is seen.
 * @param {HTMLCanvasElement} canvas
 */
function fitting(canvas) {
  return Math.min(canvas.width / state.width, canvas.height / state.height) / devicePixelRatio;
}

/**
 * Move the picture by so many of its pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} x
 * @param {number} y
 */
export function moveBy(canvas, x, y) {
  state.centre.x += x;
  state.centre.y += y;
  keepInside(canvas);
}

/** @param {HTMLCanvasElement} canvas */
export function keepInside(canvas) {
  const z = zoomOf(canvas), {width, height, centre} = state;
  centre.x = centreWithin(centre.x, canvas.width / 2 / z, width);
  centre.y = centreWithin(centre.y, canvas.height / 2 / z, height);
  repaint();
}

/**
 * The centre of what is seen, moved so that nothing beyond the picture is; along one axis.
 * @param {number} centre
 * @param {number} half of what is seen
 * @param {number} whole
 */
export function centreWithin(centre, half, whole) {
  return half * 2 > whole ? whole / 2 : Math.min(whole - half, Math.max(half, centre));
}

/**
 * The crop of a size around a point, moved to where it is inside the picture.
 * @param {Point} point
 * @param {number} size
 * @param {number} width of the picture
 * @param {number} height of the picture
 * @returns {Box}
 */
export function cropAround(point, size, width, height) {
  const w = Math.min(size, width), h = Math.min(size, height);
  /** @type {(at: number, side: number, whole: number) => number} */
  const inside = (at, side, whole) => Math.round(Math.min(whole - side, Math.max(0, at - side / 2)));
  return {x: inside(point.x, w, width), y: inside(point.y, h, height), w, h};
}

/** @param {Point} point */
export function markAround(point) {
  const size = Number(find('.crop-size', HTMLSelectElement).value);
  setMark(cropAround(point, size, state.width, state.height));
}

/** @param {Box | null} place */
export function setMark(place) {
  state.mark = place;
  state.curves.clear();
  find('[data-do=unmark]', HTMLButtonElement).hidden = !place;
  state.root.dataset.mark = place ? `${place.x},${place.y},${place.w},${place.h}` : '';
  state.trigger?.('select', {mark: place});
  repaint();
}

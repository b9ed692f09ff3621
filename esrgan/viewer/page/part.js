// @ts-check
// The frame in a large picture's overview: the part of it that is compared, to be dragged.

import {wished} from './news.js';
import {find, state} from './state.js';

/**
 * @typedef {import('./state.js').Part} Part
 * @typedef {[number, number, number, number]} Place x, y, width and height in pixels of the picture
 */

const LEAST = 16, KEY_SHARE = 0.05, KEYS_REST_MS = 500;
let offered = /** @type {Part | null} */ (null), resting = 0;

/**
 * The nearest place that the picture holds, of no more pixels than are taken at once.
 * @param {Place} place
 * @param {{width: number, height: number, most: number}} within
 * @returns {Place}
 */
export function fitted([x, y, w, h], {width, height, most}) {
  const wide = Math.min(width, Math.max(LEAST, w)), high = Math.min(height, Math.max(LEAST, h));
  const shrink = Math.min(1, Math.sqrt(most / (wide * high)));
  const size = [wide, high].map(side => Math.floor(side * shrink));
  const corner = [Math.min(Math.max(0, x), width - size[0]), Math.min(Math.max(0, y), height - size[1])];
  return /** @type {Place} */ ([...corner.map(Math.round), ...size]);
}

/** Listen, once. */
export function connectPart() {
  const overview = find('.overview', HTMLElement);
  let from = /** @type {{x: number, y: number, place: Place, corner: boolean} | null} */ (null);
  overview.addEventListener('pointerdown', event => {
    if (!offered || !(event.target instanceof Element)) return;
    event.preventDefault();
    overview.setPointerCapture(event.pointerId);
    const place = event.target.closest('.taken') ? offered.place : around(event, offered);
    from = {x: event.clientX, y: event.clientY, place, corner: event.target.matches('.corner')};
    show(place);
  });
  overview.addEventListener('pointermove', event => {
    if (from && offered) show(dragged(from, event, offered));
  });
  overview.addEventListener('pointerup', event => {
    if (from && offered) take(dragged(from, event, offered));
    from = null;
  });
  overview.addEventListener('pointercancel', () => { from = null; if (offered) show(offered.place); });
  find('.taken', HTMLElement).addEventListener('keydown', byKey);
  find('[data-do=whole]', HTMLButtonElement).onclick = () => state.trigger?.('submit', {});
}

/**
 * Show the part of the view's picture, or nothing where all of it is compared.
 * @param {import('./state.js').View} view
 */
export function offerPart(view) {
  offered = view.part ?? null;
  find('.part', HTMLElement).hidden = offered === null;
  if (offered === null) return;
  const image = find('.overview img', HTMLImageElement), whole = find('[data-do=whole]', HTMLButtonElement);
  if (image.getAttribute('src') !== offered.overview.url) image.src = offered.overview.url;
  image.style.aspectRatio = `${offered.width} / ${offered.height}`;
  find('.part .size', HTMLElement).textContent = `${offered.width}×${offered.height}`;
  whole.textContent = offered.whole;
  whole.hidden = !offered.whole;
  show(offered.place);
}

/** @param {Place} place */
function show([x, y, w, h]) {
  if (!offered) return;
  const {width, height} = offered, style = find('.taken', HTMLElement).style;
  const share = (/** @type {number} */ part, /** @type {number} */ whole) => `${(100 * part / whole).toFixed(3)}%`;
  Object.assign(style, {left: share(x, width), top: share(y, height), width: share(w, width), height: share(h, height)});
}

/** @param {Place} place that is wished for */
function take(place) {
  if (!offered || place.join() === offered.place.join()) return;
  offered = {...offered, place};
  show(place);
  wished();
  state.trigger?.('apply', {place});
}

/**
 * The part's place with its middle where the pointer is.
 * @param {PointerEvent} event
 * @param {Part} part
 */
function around(event, part) {
  const box = find('.overview img', HTMLElement).getBoundingClientRect(), [, , w, h] = part.place;
  const x = (event.clientX - box.x) / box.width * part.width, y = (event.clientY - box.y) / box.height * part.height;
  return fitted([x - w / 2, y - h / 2, w, h], part);
}

/**
 * Where a drag has brought the place, or its lower right corner.
 * @param {{x: number, y: number, place: Place, corner: boolean}} from
 * @param {PointerEvent} event
 * @param {Part} part
 */
function dragged(from, event, part) {
  const a_pixel = part.width / find('.overview img', HTMLElement).clientWidth;
  const dx = (event.clientX - from.x) * a_pixel, dy = (event.clientY - from.y) * a_pixel, [x, y, w, h] = from.place;
  if (!from.corner) return fitted([x + dx, y + dy, w, h], part);
  return fitted([x, y, Math.min(w + dx, part.width - x), Math.min(h + dy, part.height - y)], part);
}

/** @param {KeyboardEvent} event arrow keys move the part */
function byKey(event) {
  const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (!offered || !step) return;
  event.preventDefault();
  event.stopPropagation();
  const part = offered, [x, y, w, h] = part.place;
  const place = fitted([x + step[0] * KEY_SHARE * part.width, y + step[1] * KEY_SHARE * part.height, w, h], part);
  show(place);
  offered = {...part, place};
  clearTimeout(resting);
  resting = setTimeout(() => { offered = {...part}; take(place); }, KEYS_REST_MS);
}

// @ts-check
// From the server to the panes.

import {offerPanes, restSoon, rested, setMode} from './controls.js';
import {draw} from './drawing.js';
import {prepareBrightness} from './graphs.js';
import {lost, report} from './news.js';
import {offerPart} from './part.js';
import {showOnce} from './showing.js';
import {imageScored, isExact, neighbours, rgba, sharesOf, updateImage, updateNetwork, usualTitles} from './pictures.js';
import {blendThree, errorOf} from './pixels.js';
import {PIXELS_IN_MEMORY, rangeOf, state} from './state.js';
import {setMark} from './zoom.js';

/**
 * @typedef {import('./state.js').View} View
 * @typedef {import('./state.js').Files} Files
 * @typedef {import('./state.js').Exact} Exact
 * @typedef {import('./state.js').ServedFile} ServedFile
 * @typedef {import('./state.js').Slider} Slider
 */

/**
 * Fetch what is new in a view, and draw it.
 * @param {View | null} view
 */
export async function load(view) {
  if (!view) return;
  if (!view.run) return openWith(view);
  if (state.over.has(view.run)) return; // a late word of a comparison that another has replaced
  if (view.run !== state.run) begin(view);
  const mine = state.run, far = progressOf(view);
  if (far >= state.far) {
    state.far = far;
    report(view);
    offerPart(view);
  }
  const all = await fetchAll(view, mine);
  if (mine !== state.run) return;
  if (!all) lost();
  // Two events send views: one of them, or its pictures, may be overtaken by what came after it.
  const latest = far >= state.far;
  state.imageScore = view.image ?? null;
  const waiting = latest && state.keys.length < view.frames.length;
  if (latest) {
    state.scores = view.scores;
    state.link = view.link;
    state.keys = keysThere();
  }
  if (view.exact && view.exact.file.url !== state.exact?.file.url) await takeExact(view.exact, mine);
  if (waiting || view.exact) { updateNetwork(); updateImage(); }
  offerPanes();
  if (latest) state.root.dataset.complete = String(view.complete && all);
  state.stale = null;
  draw();
  showOnce();
  if (!view.complete) return;
  prepareBrightness();
  if (!imageScored() || (state.obstacle === null && !isExact())) restSoon();
}

/**
 * How far a comparison has come: of two views of one run, the later one has come farther.
 * @param {View} view
 */
export function progressOf({pictures, frames, complete}) {
  return pictures.length + frames.length + Number(complete);
}

/**
 * Show what the page opens with, or only keep its places where something else was asked for.
 * @param {View} view of no run yet
 */
async function openWith(view) {
  const {width, height, name, detail, link} = view;
  Object.assign(state, {width, height, expected: view.panes, stale: null});
  report(view);
  offerPanes();
  draw();
  if (!view.frames.length || !isFirstLook()) return;
  Object.assign(state, {name, detail, link});
  await fetchAll(view, state.run);
  state.keys = keysThere();
  updateNetwork();
  updateImage();
  offerPanes();
  state.root.dataset.empty = 'false';
  state.stale = null;
  draw();
}

/** Whether the page was opened as such, and not again: where an address names a comparison, the server sends no first look. */
export function isFirstLook() {
  const [how] = performance.getEntriesByType('navigation');
  return document.getElementById('first-view') !== null && how instanceof PerformanceNavigationTiming && how.type === 'navigate';
}

/** α of the key frames that are there. */
function keysThere() {
  return [...state.bitmaps.keys()].map(Number).filter(key => !Number.isNaN(key)).sort((a, b) => a - b);
}

/** @param {View} view the first of a comparison */
function begin(view) {
  state.over.add(state.run);
  const {run, width, height, name, detail} = view, opened = state.run === null && sameLink(view.link, state.link);
  if (!opened) {
    forgetPictures();
    Object.assign(state, {detail, zoom: null, onlyPane: null});
  }
  Object.assign(state, {run, width, height, name, expected: view.panes, far: 0, exact: null});
  state.titles = {...usualTitles(), ...view.titles};
  state.obstacle = view.obstacle ?? null;
  state.thirdObstacle = view.third_obstacle ?? null;
  Object.assign(state.root.dataset, {run, name, complete: false, frames: 0, empty: !width});
  delete state.root.dataset.error;
  state.curves.clear();
  if (state.mark) setMark(null);
  if (view.start) {
    for (const kind of /** @type {Slider[]} */ (Object.keys(view.start))) {
      state.alpha[kind] = view.start[kind];
      rangeOf(kind).value = String(view.start[kind]);
    }
    rested();                      // so that the figures begin with these α
  }
  restore(view.link);
  const [x, y, w, h] = view.link.mark;
  if (x + w <= width && y + h <= height) setMark({x, y, w, h});
}

/**
 * Whether two comparisons are of one example and the same models, and show the same pictures.
 * @param {import('./state.js').Link} one
 * @param {import('./state.js').Link} other
 */
function sameLink(one, other) {
  return one.example !== '' && one.example === other.example && one.kind === other.kind
    && one.models.length > 0 && one.models.join() === other.models.join();
}

function forgetPictures() {
  for (const bitmap of state.bitmaps.values()) bitmap.close();
  Object.assign(state, {asked: new Set(), originals: new Map(), bitmaps: new Map(), bytes: new Map(), maps: new Map(), keys: []});
}

/** @param {import('./state.js').Link} link that was followed to this comparison */
function restore({view, pair, zoom}) {
  if (pair.length) state.pair = pair;
  if (view) setMode(view);
  if (!zoom) return;                      // as the browser likes
  state.detail = [];
  const [scale, x, y] = zoom;
  Object.assign(state, {zoom: scale ?? null, centre: {x, y}});
}

/**
 * Fetch the pictures that were not asked for yet.
 * @param {View} view
 * @param {string | null} mine the run that wants them
 * @returns {Promise<boolean>} whether all have come
 */
async function fetchAll(view, mine) {
  /** @type {[string, Files][]} */
  const wanted = [
    ...view.pictures.map(picture => /** @type {[string, Files]} */ ([picture.name, picture])),
    ...view.frames.map(frame => /** @type {[string, Files]} */ ([String(frame.alpha), frame])),
  ];
  const come = await Promise.all(wanted.map(async ([name, {file, original}]) => {
    if (state.asked.has(name)) return true;
    state.asked.add(name);
    if (original) state.originals.set(name, original);
    const bitmap = await fetched(file);
    if (mine !== state.run) return true;
    if (bitmap) state.bitmaps.set(name, bitmap);
    else state.asked.delete(name);          // the next view asks again
    return bitmap !== null;
  }));
  return come.every(Boolean);
}

/**
 * A picture, asked for three times at most.
 * @param {ServedFile} file
 */
async function fetched(file) {
  for (const wait of [0, 500, 2000]) {
    if (wait) await new Promise(done => setTimeout(done, wait));
    try {
      return await createImageBitmap(await state.read(file.url), {colorSpaceConversion: 'none', premultiplyAlpha: 'none'});
    } catch { /* the line was broken, or what came was no picture */ }
  }
  return null;
}

/**
 * Take the network's own picture, and see how far the blend of its neighbours was off.
 * @param {Exact} arrived
 * @param {string | null} mine the run that wants it
 */
async function takeExact(arrived, mine) {
  const bitmap = await fetched(arrived.file);
  if (mine !== state.run || !bitmap) return;
  state.bitmaps.set('exact', bitmap);
  state.bytes.delete('exact');
  const {width, height} = state;
  state.exact = {...arrived, error: null};
  if (width * height > PIXELS_IN_MEMORY) return;
  const {low, high, t} = neighbours(arrived.alpha), guess = new Uint8ClampedArray(4 * width * height);
  const third = rgba(arrived.third ? 'after' : low);
  blendThree(rgba(low), rgba(high), third, sharesOf(t, arrived.third), guess);
  const error = errorOf(guess, rgba('exact'));
  state.exact.error = error;
  state.root.dataset.error = `${error.mean.toFixed(3)},${error.high}`;
}

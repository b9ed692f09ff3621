// @ts-check
// Panes: what each shows, at the common zoom.

import {drawHistogram, drawStrip, pixelsOf, updateDifference} from './graphs.js';
import {
  chosenPair, hasArrived, expected, composite, fetchedExactly, imageScored, isExact, isUsual, sharesText, shortTitle, source, thirdShare,
} from './pictures.js';
import {errorOf} from './pixels.js';
import {contextOf, find, rangeOf, state} from './state.js';

/**
 * @typedef {import('./state.js').Point} Point
 * @typedef {import('./state.js').Box} Box
 * @typedef {import('./state.js').Slider} Slider
 */

const MAX_STEEPNESS = 1.5;         // height by width of a pane; a steeper picture stands within it

/** The names of the panes on show. */
function visible() {
  const {mode, onlyPane, shown} = state;
  if (mode !== 'grid') return [mode];
  const there = expected().filter(name => shown.has(name));
  return onlyPane && there.includes(onlyPane) ? [onlyPane] : there;
}

/** @param {string} name */
export function paneOf(name) { return find(`[data-pane=${name}]`, HTMLElement, state.panes); }

/** @param {string} name */
export function canvasOf(name) { return find('canvas', HTMLCanvasElement, paneOf(name)); }

/**
 * Canvas pixels a pixel of the picture.
 * @param {HTMLCanvasElement} canvas
 */
export function zoomOf(canvas) {
  const {zoom, width, height} = state;
  return zoom === null ? Math.min(canvas.width / width, canvas.height / height) : zoom * devicePixelRatio;
}

/** The point of the picture that is in the middle of each pane. */
export function centreShown() { return state.zoom === null ? {x: state.width / 2, y: state.height / 2} : state.centre; }

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} canvas
 */
function transform(context, canvas) {
  const z = zoomOf(canvas), centre = centreShown();
  // whole device pixels, so that 1:1 shows the very pixels
  const x = Math.round(canvas.width / 2 - centre.x * z), y = Math.round(canvas.height / 2 - centre.y * z);
  context.setTransform(z, 0, 0, z, x, y);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} name of a pane with one picture
 */
function fill(context, name) {
  const picture = name === 'difference' ? composite(name).canvas : source(name);
  context.drawImage(/** @type {CanvasImageSource} */ (picture), 0, 0, state.width, state.height);
}

/**
 * Device pixels across and down that a canvas asks for: as wide as its place, as high as the picture, within bounds.
 * @param {number} place CSS pixels
 */
function sizeIn(place) {
  const across = Math.max(1, Math.round(place * devicePixelRatio));
  return {across, down: Math.max(1, Math.round(across * Math.min(MAX_STEEPNESS, state.height / state.width)))};
}

/**
 * @param {string} name
 * @param {number} place the width of its canvas's place, in CSS pixels
 */
function drawPane(name, place) {
  const {width} = state, pane = paneOf(name), canvas = canvasOf(name), {across, down} = sizeIn(place);
  if (canvas.width !== across || canvas.height !== down) { canvas.width = across; canvas.height = down; }
  const there = hasArrived(name);
  pane.classList.toggle('waiting', !there);
  write(find('header b', HTMLElement, pane), headline(name));
  write(find('header small', HTMLElement, pane), isUsual(name) ? state.labels[name]?.meaning ?? '' : '');
  if (name === 'wipe') dressWipe(pane, there);
  if (!there) return write(find('figcaption', HTMLElement, pane), '');
  const context = contextOf(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, across, down);
  const magnified = zoomOf(canvas) * (name === 'lr' ? width / (source('lr')?.width ?? width) : 1);
  context.imageSmoothingEnabled = state.smooth || magnified < 1;
  context.imageSmoothingQuality = 'high';
  transform(context, canvas);
  if (name === 'wipe') drawWipe(context, canvas);
  else fill(context, name);
  if (state.mark) drawMark(context, canvas, state.mark);
  if (state.lens && state.pointer) drawLens(context, canvas, name, state.pointer);
  write(find('figcaption', HTMLElement, pane), caption(name));
}

/** @param {string} name */
function headline(name) {
  if (name === 'wipe') return chosenPair().map(each => state.titles[each]).join(' | ');
  if (name === 'difference') return 'Difference of ' + chosenPair().map(each => state.titles[each]).join(' and ');
  return state.titles[name];
}

/** @param {string} name */
function caption(name) {
  const {scores, alpha} = state;
  if (name === 'network') {
    const share = thirdShare('network');
    const usual = share === 0 ? scores[`network ${alpha.network}`] : share === 1 ? scores.after : null;
    const known = fetchedExactly()?.score ?? usual;
    return sharesText('network') + (known ? ` · ${known}` : '');
  }
  if (name === 'image') {
    const usual = thirdShare('image') === 0 ? scores[`image ${alpha.image}`] : null;
    const known = imageScored()?.score ?? usual;
    return sharesText('image') + (known ? ` · ${known}` : '');
  }
  if (name === 'difference') {
    const [first, second] = chosenPair().map(pixelsOf), {mean, high} = errorOf(first, second);
    return `mean ${mean.toFixed(2)} grey levels, 99.9th percentile ${high}`;
  }
  return scores[name] ?? '';
}

/**
 * The knob and the names of both sides.
 * @param {HTMLElement} pane
 * @param {boolean} there
 */
function dressWipe(pane, there) {
  const [left, right] = chosenPair(), knob = find('.knob', HTMLElement, pane), at = `${100 * state.wipeAt}%`;
  knob.hidden = !there;
  if (knob.style.getPropertyValue('--at') !== at) knob.style.setProperty('--at', at);
  knob.setAttribute('aria-valuenow', String(Math.round(100 * state.wipeAt)));
  write(find('.side.left', HTMLElement, pane), there ? shortTitle(left) : '');
  write(find('.side.right', HTMLElement, pane), there ? shortTitle(right) : '');
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} canvas
 */
function drawWipe(context, canvas) {
  const [left, right] = chosenPair(), edge = Math.round(state.wipeAt * canvas.width);
  fill(context, left);
  context.save();
  context.resetTransform();
  context.beginPath();
  context.rect(edge, 0, canvas.width, canvas.height);
  context.clip();
  context.clearRect(0, 0, canvas.width, canvas.height);
  transform(context, canvas);
  fill(context, right);
  context.restore();
  context.save();
  context.resetTransform();
  context.fillStyle = 'white';
  context.fillRect(edge - 1, 0, 2, canvas.height);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} canvas
 * @param {Box} mark
 */
function drawMark(context, canvas, mark) {
  context.strokeStyle = '#f97316';
  context.lineWidth = 2 * devicePixelRatio / zoomOf(canvas);
  context.strokeRect(mark.x, mark.y, mark.w, mark.h);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} canvas
 * @param {string} name
 * @param {Point} pointer
 */
function drawLens(context, canvas, name, pointer) {
  const z = zoomOf(canvas), radius = canvas.width / 6, strength = 4, at = toCanvas(canvas, pointer);
  context.save();
  context.resetTransform();
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 7);
  context.clip();
  context.setTransform(
    z * strength, 0, 0, z * strength, at.x - pointer.x * z * strength, at.y - pointer.y * z * strength);
  context.imageSmoothingEnabled = state.smooth;
  fill(context, name === 'wipe' ? chosenPair()[at.x / canvas.width < state.wipeAt ? 0 : 1] : name);
  context.resetTransform();
  context.strokeStyle = 'white';
  context.lineWidth = 3 * devicePixelRatio;  // half of it, as the rest is clipped
  context.stroke();
  context.restore();
}

/**
 * Where a point of the picture is on a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {Point} point
 */
function toCanvas(canvas, point) {
  const z = zoomOf(canvas), centre = centreShown();
  return {x: canvas.width / 2 + (point.x - centre.x) * z, y: canvas.height / 2 + (point.y - centre.y) * z};
}

/**
 * Draw in the next frame: everything, or only what shows these pictures.
 * @param {...string} pictures
 */
export function repaint(...pictures) {
  if (pictures.length) pictures.forEach(name => state.stale?.add(name));
  else state.stale = null;
  state.frame ||= requestAnimationFrame(draw);
}

/** @param {string} name */
function isStale(name) {
  const {stale} = state;
  return stale === null || stale.has(name)
    || ['wipe', 'difference'].includes(name) && chosenPair().some(picture => stale.has(picture));
}

export function draw() {
  state.frame = 0;
  if (!state.width) return;
  const names = visible();
  if (state.stale === null) layOut(names);
  if (state.detail.length) showDetail(canvasOf(names[0]));
  if (state.mode === 'difference' && isStale('difference') && hasArrived('difference')) updateDifference();
  const stale = names.filter(isStale), places = stale.map(name => canvasOf(name).clientWidth);  // laid out once for all
  stale.forEach((name, i) => drawPane(name, places[i]));
  if (state.stale === null) drawStrip();
  if (isStale('network')) state.histogramFrame ||= requestAnimationFrame(() => setTimeout(drawHistogram));  // pictures first
  tellAlpha();
  state.stale = new Set();
}

/**
 * Zoom to the place that is worth a look.
 * @param {HTMLCanvasElement} canvas
 */
function showDetail(canvas) {
  const place = canvas.clientWidth, {across, down} = sizeIn(place), [x, y, wide] = state.detail;
  if (!place) return;                     // in a tab that is not on show
  state.detail = [];
  state.zoom = place / wide;
  state.centre = {x: x + wide / 2, y: y + wide / 2 * down / across};
}

/** @param {string[]} names */
function layOut(names) {
  const {panes} = state;
  for (const pane of panes.querySelectorAll('figure')) pane.hidden = !names.includes(pane.dataset.pane ?? '');
  panes.classList.toggle('single', names.length === 1);
  panes.classList.toggle('held', state.zoom !== null || state.lens);
  panes.style.setProperty('--aspect', String(Math.max(1 / MAX_STEEPNESS, state.width / state.height)));
}

function tellAlpha() {
  const {alpha, sliders, exact, obstacle, thirdObstacle, root} = state;
  for (const kind of /** @type {Slider[]} */ (Object.keys(sliders))) {
    write(find('output', HTMLElement, sliders[kind]), alpha[kind].toFixed(2));
  }
  const error = exact?.error && fetchedExactly()
    ? `; the blend was off by ${exact.error.mean.toFixed(2)} grey levels (99.9th percentile ${exact.error.high})` : '';
  const exactness = find('em', HTMLElement, sliders.network);
  const blended = '≈ approximate: blended from its neighbours' + (state.trigger ? ' until the slider rests' : '');
  write(exactness, obstacle ?? (isExact() ? 'exact' + error : blended));
  exactness.classList.toggle('obstacle', obstacle !== null);
  rangeOf('network').disabled = obstacle !== null;
  sliders.third.dataset.absent = String(!state.expected.includes('after'));
  find('em', HTMLElement, sliders.third).classList.toggle('obstacle', thirdObstacle !== null);
  write(find('span', HTMLElement, sliders.third), `+ ${shortTitle('after')}`);
  write(find('em', HTMLElement, sliders.third), thirdObstacle === null ? '' : `images only: ${thirdObstacle}`);
  const told = {...alpha, zoom: state.zoom ?? 'fit', frames: state.keys.length, exact: isExact()};
  for (const [name, value] of Object.entries(told)) {
    if (root.dataset[name] !== String(value)) root.dataset[name] = String(value);
  }
}

/**
 * Text that is there already costs no layout.
 * @param {HTMLElement} node
 * @param {string} text
 */
function write(node, text) { if (node.textContent !== text) node.textContent = text; }

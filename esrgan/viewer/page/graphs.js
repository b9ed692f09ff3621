// @ts-check
// What is computed from the pictures: difference, strip of Fig. 10, brightness of Fig. 9a.

import {bitmapOf, chosenPair, composite, isUsual, keyOf, neighbours, rgba, sharesText, shortTitle, thirdShare} from './pictures.js';
import {LEVELS, blendedMap, brightnessCurve, brightnessMap, difference} from './pixels.js';
import {PIXELS_IN_MEMORY, contextOf, find, state} from './state.js';

/**
 * @typedef {import('./state.js').Bytes} Bytes
 * @typedef {import('./state.js').BrightnessMap} BrightnessMap
 * @typedef {import('./state.js').Curve} Curve
 */

/** @type {Record<string, string>} */
const COLOURS = {
  hr: '#64748b', bicubic: '#64748b', psnr: '#16a34a', gan: '#0284c7', after: '#ea580c', network: '#a21caf',
};
// So that curves are told apart without their colours.
/** @type {Record<string, number[]>} */
const DASHES = {psnr: [2, 3], after: [10, 4], network: [6, 3, 2, 3]};

/**
 * The RGBA bytes that a pane shows.
 * @param {string} name
 * @returns {Bytes}
 */
export function pixelsOf(name) {
  if (name === 'network' || name === 'image') {
    const {canvas, context, pixels} = composite(name);
    return pixels ? pixels.data : context.getImageData(0, 0, canvas.width, canvas.height).data;
  }
  return rgba(keyOf(name));
}

export function updateDifference() {
  const {context} = composite('difference'), out = context.createImageData(state.width, state.height);
  const [first, second] = chosenPair().map(pixelsOf);
  difference(first, second, Number(find('.gain input', HTMLInputElement).value) || 1, out.data);
  context.putImageData(out, 0, 0);
}

export function drawStrip() {
  const {mark, keys, obstacle, stripAlphas} = state, box = find('.strip', HTMLDetailsElement);
  box.hidden = !mark || keys.length < 2;
  const rows = obstacle === null ? 2 : 1;
  if (!mark || box.hidden || !box.open) return;
  const canvas = find('canvas', HTMLCanvasElement, box), gap = 4, across = mark.w + gap;
  canvas.width = stripAlphas.length * across - gap;
  canvas.height = rows * (mark.h + gap) - gap;
  const context = contextOf(canvas), titles = find('.alphas', HTMLElement).children;
  context.imageSmoothingEnabled = false;
  /** @type {(name: string, column: number, row: number) => void} */
  const cut = (name, column, row) => context.drawImage(
    bitmapOf(name), mark.x, mark.y, mark.w, mark.h, column * across, row * (mark.h + gap), mark.w, mark.h);
  stripAlphas.forEach((a, column) => {
    const {low, high, t} = neighbours(a);
    titles[column].textContent = `α = ${a}${obstacle === null && t ? ' ≈' : ''}`;
    if (obstacle === null) {
      cut(low, column, 0);
      context.globalAlpha = t;
      if (t) cut(high, column, 0);
      context.globalAlpha = 1;
    }
    cut('0', column, rows - 1);
    context.globalAlpha = a;
    cut('1', column, rows - 1);
    context.globalAlpha = 1;
  });
}

/**
 * @param {string} name
 * @returns {BrightnessMap}
 */
function brightnessOf(name) {
  const {maps, width, height} = state, known = maps.get(name) ?? brightnessMap(rgba(name), width, height);
  maps.set(name, known);
  return known;
}

/** Make what the histogram needs of each frame, while there is nothing else to do. */
export function prepareBrightness(mine = state.run) {
  const next = state.keys.map(String).find(name => !state.maps.has(name));
  if (mine !== state.run || !next || !histogramShown()) return;
  (window.requestIdleCallback ?? setTimeout)(() => {
    if (mine === state.run) brightnessOf(next);
    prepareBrightness(mine);
  });
}

function histogramShown() {
  const {width, height, keys} = state;
  return find('.histogram', HTMLDetailsElement).open && width * height <= PIXELS_IN_MEMORY && keys.length > 0;
}

function networkBrightness() {
  const {low, high, t} = neighbours(state.alpha.network);
  const between = blendedMap(brightnessOf(low), brightnessOf(high), t), share = thirdShare('network');
  return share ? blendedMap(between, brightnessOf('after'), share) : between;
}

/** The brightness of each picture by its name, the reference first. */
function curvesOfAll() {
  const {bitmaps, curves, keys, obstacle} = state;
  const region = state.mark ?? {x: 0, y: 0, w: state.width, h: state.height};
  /** @type {Record<string, Curve>} */
  const result = {};
  for (const name of [bitmaps.has('hr') ? 'hr' : 'bicubic', 'psnr', 'gan', 'after']) {
    const key = keyOf(name);
    if (!bitmaps.has(key)) continue;
    const known = curves.get(key) ?? brightnessCurve(brightnessOf(key), region);
    curves.set(key, known);
    result[name] = known;
  }
  if (keys.length && obstacle === null) result.network = brightnessCurve(networkBrightness(), region);
  return result;
}

/** @param {number} number */
export function signed(number) {
  const text = number.toFixed(2).replace('-0.00', '0.00');
  return Number(text) > 0 ? `+${text}` : text;
}

export function drawHistogram() {
  state.histogramFrame = 0;
  if (!histogramShown()) return;
  const canvas = find('.histogram canvas', HTMLCanvasElement);
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  const context = contextOf(canvas), found = curvesOfAll(), foot = 18 * devicePixelRatio;
  const [first, ...others] = Object.keys(found), reference = found[first];
  /** @type {Record<string, Float64Array>} */
  const shifts = Object.fromEntries(others.map(name => [name, shiftFrom(reference, found[name])]));
  const heightAt = drawScale(context, foot, Object.values(shifts), first === 'hr' ? 'HR' : state.titles[first]);
  drawLevels(context, foot);
  drawShifts(context, heightAt, shifts);
  find('.legend', HTMLElement).replaceChildren(
    ...Object.entries(found).map(([name, {mean}], i) => legendOf(name, mean, i ? mean - reference.mean : null)));
}

/**
 * How many more pixels than of the reference are darker than each level, in percent.
 * @param {Curve} reference
 * @param {Curve} curve
 */
const shiftFrom = (reference, curve) => curve.darker.map((share, level) => 100 * (share - reference.darker[level]));

/**
 * The lines of round numbers of percent, and in words what lies above 0 and below.
 * @param {CanvasRenderingContext2D} context
 * @param {number} foot
 * @param {Float64Array[]} shifts
 * @param {string} reference
 * @returns {(share: number) => number} where a share lies
 */
function drawScale(context, foot, shifts, reference) {
  const {width, height} = context.canvas, line = 14 * devicePixelRatio;
  // Of a flat part, such as a white sky, all pixels pass a level at once: they may reach beyond.
  const ends = shifts.map(shift => shift.slice().sort()).flatMap(sorted => [sorted[5], sorted[LEVELS - 6]]);
  const low = 1.15 * Math.min(-0.1, ...ends), high = 1.15 * Math.max(0.1, ...ends), room = height - foot - 2 * line;
  const heightAt = (/** @type {number} */ share) => line + (high - share) / (high - low) * room;
  context.font = `${11 * devicePixelRatio}px system-ui`;
  context.fillStyle = getComputedStyle(state.root).color;
  const step = roundStep((high - low) / 5);
  for (let share = Math.ceil(low / step) * step; share <= high; share += step) {
    const zero = Math.abs(share) < step / 2, y = heightAt(share);
    context.globalAlpha = zero ? 0.6 : 0.15;
    context.fillRect(0, y, width, devicePixelRatio);
    context.globalAlpha = 0.8;
    context.fillText(zero ? '0 %' : `${signed(share)} %`, 2, y - 3 * devicePixelRatio);
  }
  const right = (/** @type {string} */ text, /** @type {number} */ y) =>
    context.fillText(text, width - context.measureText(text).width - 2, y);
  right(`↑ darker than ${reference}`, 0.8 * line);
  right(`↓ brighter than ${reference}`, height - foot - 4 * devicePixelRatio);
  context.globalAlpha = 1;
  return heightAt;
}

/**
 * The next of 1, 2 and 5 times a power of ten.
 * @param {number} least
 */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find(factor => factor * power >= least) ?? 10);
}

/**
 * Grey levels below, and a line at each.
 * @param {CanvasRenderingContext2D} context
 * @param {number} foot
 */
function drawLevels(context, foot) {
  const {width, height} = context.canvas;
  context.font = `${11 * devicePixelRatio}px system-ui`;
  context.fillStyle = getComputedStyle(state.root).color;
  for (let level = 0; level <= 250; level += 50) {
    const x = level / 255 * width, text = String(level);
    context.globalAlpha = 0.15;
    context.fillRect(x, 0, 1, height - foot);
    context.globalAlpha = 0.8;
    context.fillText(text, Math.min(x + 2, width - context.measureText(text).width), height - 4);
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {(share: number) => number} heightAt
 * @param {Record<string, Float64Array>} shifts
 */
function drawShifts(context, heightAt, shifts) {
  const {width} = context.canvas;
  for (const [name, shift] of Object.entries(shifts)) {
    context.strokeStyle = COLOURS[name];
    context.lineWidth = 2 * devicePixelRatio;
    context.lineJoin = 'round';
    context.setLineDash((DASHES[name] ?? []).map(length => length * devicePixelRatio));
    context.beginPath();
    shift.forEach((share, level) => context.lineTo((level + 1) / LEVELS * width, heightAt(share)));
    context.stroke();
  }
}

/**
 * @param {string} name
 * @param {number} mean
 * @param {number | null} above how much it is above the reference; null for that
 */
function legendOf(name, mean, above) {
  const line = document.createElement('span'), colour = document.createElement('i');
  colour.style.background = COLOURS[name];
  line.dataset.curve = name;
  line.dataset.mean = String(mean);
  line.append(colour, `${curveTitle(name)}: mean ${mean.toFixed(2)}` + (above === null ? '' : ` (${signed(above)})`));
  return line;
}

/** @param {string} name */
function curveTitle(name) {
  if (name === 'network') return `network ${sharesText('network')}`;
  return name === 'gan' && isUsual(name) ? 'GAN, loss before activation' : name === 'psnr' ? shortTitle(name) : state.titles[name];
}

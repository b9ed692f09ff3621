// @ts-check
// Sliders, toolbar, keys, and the panes themselves.

import {centreShown, repaint, zoomOf} from './drawing.js';
import {listen} from './hands.js';
import {asked, refused, wished} from './news.js';
import {expected, shortTitle, updateImage, updateNetwork} from './pictures.js';
import {copyLink, download, savePage} from './saving.js';
import {find, rangeOf, state} from './state.js';
import {keepInside, moveBy, setMark, zoomBy} from './zoom.js';

/** @typedef {import('./state.js').Slider} Slider */

const REST_MS = 250;               // the exact picture is fetched when the slider has rested so long
const STEP = 0.01;                 // of α by a key, and of the wipe's edge
const PHONE = '(max-width: 640px)';
const ICONS = {
  alone: 'M2 3h12v10H2zM5 6h6v4H5z',
  save: 'M8 2v8M4.5 7 8 10.5 11.5 7M3 14h10',
};

/**
 * @param {Slider} kind
 * @param {number} value
 */
export function setAlpha(kind, value) {
  state.alpha[kind] = Math.min(1, Math.max(0, Math.round(value * 100) / 100));
  rangeOf(kind).value = String(state.alpha[kind]);
  if (kind !== 'image') updateNetwork();
  if (kind !== 'network') updateImage();
  showWhatMoves(kind);
  repaint(...kind === 'third' ? ['network', 'image'] : [kind]);
  clearTimeout(state.restTimer);
  restSoon(REST_MS);
}

/**
 * A wipe that shows neither interpolation shows the one whose slider moves.
 * @param {Slider} kind
 */
function showWhatMoves(kind) {
  const {mode, pair} = state, moving = kind === 'image' ? 'image' : 'network';
  if (mode !== 'wipe' || pair.includes(moving) || state.obstacle !== null && moving === 'network') return;
  pair[1] = moving;
  offerPanes();
  repaint();
}

/**
 * The hand will have rested in so many milliseconds, unless it moves again.
 * @param {number} milliseconds
 */
export function restSoon(milliseconds = 4 * REST_MS) {
  state.restTimer = window.setTimeout(rested, milliseconds);
}

/** The hand rests: ask for what only the server can tell, once it has answered what was asked before. */
export function rested() {
  state.restedSince = state.unanswered;
  if (state.unanswered || !state.trigger) return;
  state.unanswered = true;
  state.trigger('release', {run: state.run, ...state.alpha});
}

/** The server has answered, or can't: where the hand has come to rest in the meantime is asked for now. */
function answered() {
  state.unanswered = false;
  if (state.restedSince) rested();
}

/** @returns {HTMLCanvasElement} of a pane on show */
function anyCanvas() { return find('.pane:not([hidden]) canvas', HTMLCanvasElement, state.panes); }

/** @type {Record<string, () => void>} */
const actions = {
  in: () => zoomBy(2, anyCanvas()),
  out: () => zoomBy(0.5, anyCanvas()),
  fit: () => { state.zoom = null; repaint(); },
  one: () => {
    state.centre = centreShown();
    state.zoom = 1 / devicePixelRatio;
    keepInside(anyCanvas());
  },
  smooth: () => { state.smooth = !state.smooth; repaint(); },
  lens: () => { state.lens = !state.lens; repaint(); },
  unmark: () => setMark(null),
  link: copyLink,
  page: savePage,
};
/** @type {Record<string, string>} */
const KEYS = {'+': 'in', '=': 'in', '-': 'out', '0': 'fit', '1': 'one', s: 'smooth', l: 'lens', Escape: 'unmark'};
/** @type {Record<string, [number, number]>} */
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

/** @param {string} name of an action */
function act(name) {
  if (!state.run) return;
  actions[name]();
  press('[data-do=smooth]', state.smooth);
  press('[data-do=lens]', state.lens);
}

/**
 * @param {string} selector
 * @param {boolean} on
 */
function press(selector, on) { find(selector, HTMLButtonElement).setAttribute('aria-pressed', String(on)); }

/** @param {KeyboardEvent} event */
function key(event) {
  const inField = event.target instanceof Element && event.target.closest('input, select');
  if (inField || event.ctrlKey || event.metaKey) return;
  if (KEYS[event.key]) act(KEYS[event.key]);
  else if (event.key === '[' || event.key === ']') {
    setAlpha('network', state.alpha.network + (event.key === ']' ? STEP : -STEP));
  } else if (MOVES[event.key] && state.mode === 'wipe' && !event.shiftKey) {
    state.wipeAt = Math.min(1, Math.max(0, state.wipeAt + STEP * 2 * MOVES[event.key][0]));
    repaint();
  } else if (MOVES[event.key] && state.zoom !== null) {
    const canvas = anyCanvas(), step = canvas.width / zoomOf(canvas) / 10, [x, y] = MOVES[event.key];
    moveBy(canvas, x * step, y * step);
  } else return;
  event.preventDefault();
}

/** Make the panes, all of them hidden, and let the controls control them. */
export function connect() {
  const {element, root, panes} = state;
  panes.replaceChildren(...[...Object.keys(state.labels), 'wipe', 'difference'].map(newPane));
  for (const canvas of panes.querySelectorAll('canvas')) listen(canvas);
  root.addEventListener('keydown', key);
  for (const button of element.querySelectorAll('button')) {
    const {do: action, mode} = button.dataset;
    if (action) button.onclick = () => act(action);
    if (mode) button.onclick = () => setMode(mode);
  }
  for (const kind of /** @type {Slider[]} */ (Object.keys(state.sliders))) {
    const range = rangeOf(kind);
    range.oninput = () => setAlpha(kind, Number(range.value));
  }
  choosers().forEach((chooser, i) => {
    chooser.onchange = () => { state.pair[i] = chooser.value; repaint(); };
  });
  find('.gain input', HTMLInputElement).oninput = () => repaint();
  for (const box of element.querySelectorAll('details')) box.ontoggle = () => repaint();
  new ResizeObserver(() => repaint()).observe(panes);
  addEventListener('scroll', () => { state.scrolledAt = performance.now(); }, {capture: true, passive: true});
  find('.alphas', HTMLElement).replaceChildren(...state.stripAlphas.map(() => document.createElement('span')));
  root.addEventListener('asked', asked);
  root.addEventListener('wished', wished);
  root.addEventListener('refused', refused);
  root.addEventListener('answered', answered);
  root.addEventListener('handed', event => goOn(/** @type {CustomEvent} */ (event).detail));
  const phone = matchMedia(PHONE).matches;
  for (const folded of ['.tools', '.strip', '.histogram']) find(folded, HTMLDetailsElement).open = !phone;
  setMode(phone ? 'wipe' : 'grid');
  offerPanes();
}

/**
 * Go on as another viewer of the same pictures has been left.
 * @param {typeof state} other
 */
function goOn({alpha, mode, shown, pair, wipeAt, zoom, centre, detail}) {
  Object.assign(state, {shown, pair, wipeAt, zoom, centre, detail});
  for (const kind of /** @type {Slider[]} */ (Object.keys(alpha))) {
    if (alpha[kind] !== state.alpha[kind]) setAlpha(kind, alpha[kind]);
  }
  if (mode !== state.mode) setMode(mode);
  offerPanes();
  repaint();
}

const WIPE = '<span class="side left"></span><span class="side right"></span>' +
  '<span class="knob" role="slider" tabindex="0" aria-label="Edge between the two pictures" aria-valuemin="0" aria-valuemax="100"></span>';

/** @param {string} name */
function newPane(name) {
  const pane = document.createElement('figure');
  pane.className = 'pane';
  pane.dataset.pane = name;
  pane.hidden = true;
  pane.innerHTML = `<header><span><b></b><small></small></span><span>${iconButton('Show this one alone', ICONS.alone)}` +
    `${iconButton('Save as PNG', ICONS.save)}</span></header><div class="frame"><canvas></canvas>` +
    `${name === 'wipe' ? WIPE : ''}</div><figcaption></figcaption>`;
  const [alone, save] = pane.querySelectorAll('button');
  alone.hidden = name === 'wipe' || name === 'difference';
  alone.onclick = () => { state.onlyPane = state.onlyPane ? null : name; repaint(); };
  save.onclick = () => download(name);
  return pane;
}

/**
 * @param {string} title
 * @param {string} path
 */
function iconButton(title, path) {
  return `<button title="${title}" aria-label="${title}"><svg viewBox="0 0 16 16"><path d="${path}"/></svg></button>`;
}

/** The lists of the first and of the second picture to be wiped or compared. */
function choosers() { return ['.left', '.right'].map(selector => find(selector, HTMLSelectElement)); }

/** @param {string} chosen "grid", "wipe" or "difference" */
export function setMode(chosen) {
  state.mode = chosen;
  for (const mode of ['grid', 'wipe', 'difference']) press(`[data-mode=${mode}]`, mode === chosen);
  find('.pair', HTMLElement).hidden = chosen === 'grid';
  find('.chips', HTMLElement).hidden = chosen !== 'grid';
  find('.gain', HTMLElement).hidden = chosen !== 'difference';
  repaint();
}

/** Offer the pictures that there are, to be shown, wiped or compared. */
export function offerPanes() {
  const {shown, titles, pair} = state, there = expected();
  find('.chips', HTMLElement).replaceChildren(...there.map(name => {
    const chip = document.createElement('button');
    chip.textContent = shortTitle(name);
    chip.dataset.chip = name;
    chip.setAttribute('aria-pressed', String(shown.has(name)));
    chip.onclick = () => { shown.delete(name) || shown.add(name); offerPanes(); repaint(); };
    return chip;
  }));
  choosers().forEach((chooser, i) =>
    chooser.replaceChildren(...there.map(name => new Option(titles[name], name, false, name === pair[i]))));
}

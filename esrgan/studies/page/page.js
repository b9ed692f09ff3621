// @ts-check
// The page: welcome, one question after another, thanks. Nothing is fetched or sent.

import {answered, begun, fileName, linesOf, restored, undone} from './answers.js';
import {moved, placed, zoomed} from './places.js';
import {questionsOf, randomOf} from './questions.js';

/**
 * @typedef {import('./answers.js').Session} Session
 * @typedef {import('./answers.js').Side} Side
 * @typedef {import('./places.js').Look} Look
 * @typedef {import('./places.js').Point} Point
 * @typedef {import('./questions.js').Question} Question
 * @typedef {{name: string, width: number, height: number, files: number[], reference: number | null}} Picture `files` by method
 * @typedef {{study: string, limit: number, ties: boolean, reference: string, methods: string[], pictures: Picture[]}} Study
 * @typedef {'left' | 'reference' | 'right'} Pane
 */

const SECONDS_A_QUESTION = 6;
const SHORTEST_SECONDS = 0.2;     // nobody sees and answers sooner: the key was meant for the question before
const STEP = 96, FACTOR = 1.5;    // of the keys, in CSS pixels and of zoom
const CLOSE_UP = 4;               // by a double click

/** @type {Study} */
const study = JSON.parse(new TextDecoder().decode(bytesOf('study')));
const kept = `esrgan-blind-test-${study.study}`;
/** @type {Map<number, Promise<ImageBitmap>>} */
const bitmaps = new Map();
/** @type {Session | null} */
let session = null;
/** @type {Question[]} */
let questions = [];
/** @type {Partial<Record<Pane, ImageBitmap>>} */
let shown = {};
/** @type {Look} */
let look = {zoom: null, centre: {x: 0, y: 0}};
let peeking = false, saved = 0, turn = 0;
let seen = 0, since = -1;         // seconds before, and when the question came (back) into sight; -1 is not at all

/**
 * @template {Element} Kind
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
function find(selector, kind) {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`The page has no ${selector}.`);
  return found;
}

/**
 * @param {string} selector
 * @param {string} text
 */
function write(selector, text) {
  for (const element of document.querySelectorAll(selector)) element.textContent = text;
}

/** @param {string} id of a part of the file in base64 */
function bytesOf(id) {
  const text = atob(find(`#${id}`, HTMLScriptElement).text);
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  return bytes;
}

/** @param {number} file */
function bitmapOf(file) {
  const there = bitmaps.get(file) ?? createImageBitmap(new Blob([bytesOf(`file-${file}`)]));
  bitmaps.set(file, there);
  return there;
}

// ---------------------------------------------------------------- screens

/** @param {'welcome' | 'asking' | 'thanks'} name */
function open(name) {
  for (const screen of document.querySelectorAll('main')) screen.hidden = screen.id !== name;
}

/** @param {string} text */
function complain(text) {
  const place = find('#trouble', HTMLElement);
  place.hidden = !text;
  place.textContent = text;
}

function welcome() {
  const total = questionsOf(study.pictures.length, study.methods.length, study.limit, Math.random).length;
  const minutes = Math.ceil(total * SECONDS_A_QUESTION / 60);
  write('.total', String(total));
  write('.minutes', minutes === 1 ? 'a minute' : `${minutes} minutes`);
  find('#name', HTMLInputElement).value = new URLSearchParams(location.search).get('participant') ?? '';
  open('welcome');
}

/** @param {Session} begun */
function enter(begun) {
  session = begun;
  questions = questionsOf(
    study.pictures.length, study.methods.length, study.limit, randomOf(`${study.study} ${session.participant}`));
  ask();
  find('#asking h1', HTMLElement).focus();
}

/** @param {Session} changed */
function keep(changed) {
  session = changed;
  try {
    localStorage.setItem(kept, JSON.stringify(session));
  } catch {
    complain('This browser keeps nothing for the page: don’t reload or close it before you have saved the answers.');
  }
}

async function ask() {
  const number = session?.given.length ?? 0, mine = ++turn;
  if (number >= questions.length) return thank();
  rest();
  open('asking');
  shown = {};
  peek(false);
  write('.count', `Question ${number + 1} of ${questions.length}`);
  Object.assign(find('progress', HTMLProgressElement), {value: number, max: questions.length});
  find('#asking [data-do=undo]', HTMLButtonElement).disabled = number === 0;
  const [question, next] = questions.slice(number, number + 2), picture = study.pictures[question.picture];
  look = {zoom: null, centre: {x: picture.width / 2, y: picture.height / 2}};
  paint();
  const wanted = [question, next].filter(Boolean).flatMap(filesOf);
  for (const file of bitmaps.keys()) if (!wanted.includes(file)) bitmaps.delete(file);
  try {
    const [left, right, reference] = await Promise.all(filesOf(question).map(bitmapOf));
    if (turn !== mine) return;
    shown = {left, right, reference};
  } catch {
    return complain('A picture of this page can’t be shown. Try another browser.');
  }
  paint();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (turn !== mine) return;
    seen = 0;
    since = performance.now();
    document.body.dataset.ready = String(number + 1);
    if (next) filesOf(next).forEach(bitmapOf);
  }));
}

/**
 * Numbers of left, right and, if there is one, the reference.
 * @param {Question} question
 */
function filesOf({picture, left, right}) {
  const {files, reference} = study.pictures[picture];
  return [files[left], files[right], ...reference === null ? [] : [reference]];
}

/** No question is to be answered now. */
function rest() {
  since = -1;
  delete document.body.dataset.ready;
}

/** Seconds for which the question has been in sight. */
function secondsSeen() { return seen + (since < 0 || document.hidden ? 0 : (performance.now() - since) / 1000); }

/** @param {Side} side */
function answer(side) {
  const seconds = secondsSeen();
  if (!session || since < 0 || seconds < SHORTEST_SECONDS || (side === 'same' && !study.ties)) return;
  keep(answered(session, side, seconds));
  ask();
}

function undo() {
  if (!session?.given.length) return;
  keep(undone(session));
  ask();
}

function thank() {
  const given = session?.given.length ?? 0, left = questions.length - given;
  turn++;
  rest();
  bitmaps.clear();
  write('.given', left ? `You have answered ${given} of ${questions.length} questions.` : `You have answered all ${given} questions.`);
  write('.done', '');
  find('#thanks [data-do=on]', HTMLElement).hidden = !left;
  find('#thanks [data-do=undo]', HTMLButtonElement).disabled = !given;
  for (const name of ['save', 'copy']) find(`[data-do=${name}]`, HTMLButtonElement).disabled = !given;
  open('thanks');
  find('[data-do=save]', HTMLElement).focus();
}

function save() {
  if (!session) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([linesOf(study, questions, session)], {type: 'application/jsonl'}));
  link.download = fileName(study.study, session);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  saved = session.given.length;
  write('.done', `Saved as ${link.download}.`);
}

async function copy() {
  if (!session) return;
  try {
    await navigator.clipboard.writeText(linesOf(study, questions, session));
    saved = session.given.length;
    write('.done', 'Copied: paste them into a message or a text file.');
  } catch {
    write('.done', 'This browser does not let the page copy; save the answers instead.');
  }
}

function again() {
  if (session && saved < session.given.length && !confirm('These answers are not saved yet. Delete them?')) return;
  try { localStorage.removeItem(kept); } catch { /* there is nothing then */ }
  location.replace(location.href.split(/[?#]/)[0]);
}

// ---------------------------------------------------------------- pictures

/** @param {boolean} on whether the reference stands in the place of both */
function peek(on) {
  peeking = on && shown.reference !== undefined;
  document.body.classList.toggle('peeking', peeking);
  find('[data-do=reference]', HTMLElement).setAttribute('aria-pressed', String(peeking));
  paint();
}

function paint() {
  for (const canvas of document.querySelectorAll('canvas')) {
    const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext('2d'), bitmap = shown[peeking ? 'reference' : paneOf(canvas)];
    if (!context || !width || !height) continue;
    context.clearRect(0, 0, width, height);
    if (!bitmap) continue;
    const size = sizeShown(), {z, x, y} = placed(look, size, canvas), magnified = z * size.width / bitmap.width;
    context.imageSmoothingEnabled = magnified < 1 || (magnified < 3 && magnified % 1 !== 0);
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, x, y, size.width * z, size.height * z);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Pane}
 */
function paneOf(canvas) { return /** @type {Pane} */ (canvas.parentElement?.dataset.pane); }

/** Width and height of the picture that is asked about. */
function sizeShown() { return study.pictures[questions[session?.given.length ?? 0].picture]; }

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} factor
 * @param {Point} [at] in CSS pixels of the window; the middle, if none is given
 */
function zoom(canvas, factor, at) {
  const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
  const point = at ? {x: (at.x - box.left) * ratio, y: (at.y - box.top) * ratio} : {x: canvas.width / 2, y: canvas.height / 2};
  look = zoomed(look, factor, point, sizeShown(), canvas);
  paint();
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} x in CSS pixels
 * @param {number} y
 */
function move(canvas, x, y) {
  look = moved(look, {x: x * devicePixelRatio, y: y * devicePixelRatio}, sizeShown(), canvas);
  paint();
}

/** @param {HTMLCanvasElement} canvas */
function listen(canvas) {
  /** @type {Map<number, Point>} */
  const fingers = new Map();
  const spread = () => {
    const [a, b = a] = fingers.values();
    return {middle: {x: (a.x + b.x) / 2, y: (a.y + b.y) / 2}, wide: Math.hypot(a.x - b.x, a.y - b.y)};
  };
  canvas.addEventListener('pointerdown', event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, {x: event.clientX, y: event.clientY});
  });
  canvas.addEventListener('pointermove', event => {
    if (!fingers.has(event.pointerId) || since < 0) return;
    const before = spread();
    fingers.set(event.pointerId, {x: event.clientX, y: event.clientY});
    const after = spread();
    move(canvas, before.middle.x - after.middle.x, before.middle.y - after.middle.y);
    if (before.wide && after.wide) zoom(canvas, after.wide / before.wide, after.middle);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, event => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
  }
  canvas.addEventListener('wheel', event => {
    event.preventDefault();
    if (since >= 0) zoom(canvas, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), {x: event.clientX, y: event.clientY});
  }, {passive: false});
  canvas.addEventListener('dblclick', event => {
    if (since >= 0) zoom(canvas, look.zoom === null ? CLOSE_UP : 0, {x: event.clientX, y: event.clientY});
  });
}

// ---------------------------------------------------------------- keys and buttons

const first = find('[data-pane=left] canvas', HTMLCanvasElement);
/** @type {Record<string, () => void>} */
const actions = {
  left: () => answer('left'), right: () => answer('right'), same: () => answer('same'), undo,
  in: () => zoom(first, FACTOR), out: () => zoom(first, 1 / FACTOR), fit: () => zoom(first, 0),
  stop: thank, on: ask, save, copy, again,
};
/** @type {Record<string, string>} */
const KEYS = {ArrowLeft: 'left', ArrowRight: 'right', ArrowDown: 'same', Backspace: 'undo', '+': 'in', '=': 'in', '-': 'out', 0: 'fit'};
/** @type {Record<string, [number, number]>} */
const MOVES = {ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP]};

addEventListener('keydown', event => {
  if (event.repeat && event.key === 'Enter') event.preventDefault();  // a held key presses a button once
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
  const asking = !find('#asking', HTMLElement).hidden, thanked = !find('#thanks', HTMLElement).hidden;
  const action = KEYS[event.key], way = event.shiftKey ? MOVES[event.key] : undefined;
  if (way && asking) move(first, ...way);
  else if (action && (asking || (thanked && action === 'undo'))) {
    if (!event.repeat || ['in', 'out'].includes(action)) actions[action]();
  } else if (asking && event.key.toLowerCase() === 'r') {
    if (!event.repeat) peek(true);
  } else return;
  event.preventDefault();
});
addEventListener('keyup', event => { if (event.key.toLowerCase() === 'r') peek(false); });
addEventListener('blur', () => peek(false));
for (const button of document.querySelectorAll('button[data-do]')) {
  const action = actions[/** @type {HTMLElement} */ (button).dataset.do ?? ''];
  if (action) button.addEventListener('click', action);
}
const holder = find('[data-do=reference]', HTMLButtonElement);
holder.addEventListener('pointerdown', event => {
  holder.setPointerCapture(event.pointerId);
  peek(true);
});
for (const end of ['pointerup', 'pointercancel', 'blur']) holder.addEventListener(end, () => peek(false));
holder.addEventListener('contextmenu', event => event.preventDefault());
for (const [kind, on] of /** @type {const} */ ([['keydown', true], ['keyup', false]])) {
  holder.addEventListener(kind, event => { if (event.key === ' ' || event.key === 'Enter') peek(on); });
}
find('form', HTMLFormElement).addEventListener('submit', event => {
  event.preventDefault();
  const id = [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, '0')).join('');
  const session = begun(id, find('#name', HTMLInputElement).value);
  keep(session);
  enter(session);
});
document.addEventListener('visibilitychange', () => {
  if (since < 0) return;
  if (document.hidden) seen += (performance.now() - since) / 1000;
  else since = performance.now();
});
document.querySelectorAll('canvas').forEach(listen);
new ResizeObserver(paint).observe(find('.panes', HTMLElement));

// ---------------------------------------------------------------- begin, or go on

document.body.classList.toggle('without-ties', !study.ties);
document.body.classList.toggle('without-reference', !study.reference);
write('.reference-title', study.reference);
write('.reference-name', `the ${study.reference.toLowerCase()}`);
find('[data-do=reference]', HTMLElement).textContent = study.reference;
find('[data-pane=reference]', HTMLElement).hidden = !study.reference;
find('[data-pane=reference] canvas', HTMLElement).setAttribute('aria-label', study.reference);
const earlier = (() => {
  try { return restored(localStorage.getItem(kept), questionsOf(study.pictures.length, study.methods.length, study.limit, Math.random).length); }
  catch { return null; }
})();
if (earlier) enter(earlier);
else welcome();

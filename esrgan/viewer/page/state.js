// @ts-check
// What the viewer knows: one object. The comparison comes from the server; see `View` in Python.

/**
 * @typedef {import('./pixels.js').Box} Box
 * @typedef {import('./pixels.js').Bytes} Bytes
 * @typedef {import('./pixels.js').BrightnessMap} BrightnessMap
 * @typedef {import('./pixels.js').Curve} Curve
 * @typedef {{x: number, y: number}} Point
 * @typedef {'network' | 'image' | 'third'} Slider
 * @typedef {Record<Slider, number>} Alphas
 * @typedef {{url: string}} ServedFile
 * @typedef {{file: ServedFile, original?: ServedFile | null}} Files `original` holds more than 8-bit RGB
 * @typedef {{mean: number, high: number}} BlendError in grey levels
 * @typedef {Files & {alpha: number, third: number, score: string}} Exact
 * @typedef {{alpha: number, third: number, score: string}} ImageScore
 * @typedef {{example: string, kind: string, models: string[], mark: number[], view: string, pair: string[], zoom?: number[] | null}} Link
 * @typedef {{pane: string, title: string, short: string, meaning: string}} Label
 * @typedef {{canvas: OffscreenCanvas, context: OffscreenCanvasRenderingContext2D, pixels: ImageData | null}} Composite
 */

/**
 * @typedef {object} Part
 * @property {ServedFile} overview
 * @property {number} width of the whole picture, in its own pixels
 * @property {number} height
 * @property {[number, number, number, number]} place x, y, width and height in those
 * @property {number} most pixels of a part
 * @property {string} whole what making all of it larger means; "" where that is not offered
 */

/**
 * @typedef {object} View
 * @property {string} run
 * @property {number} width
 * @property {number} height
 * @property {(Files & {name: string})[]} pictures
 * @property {(Files & {alpha: number})[]} frames
 * @property {Record<string, string>} scores
 * @property {Record<string, string>} titles
 * @property {Link} link
 * @property {string | null} [obstacle]
 * @property {string | null} [third_obstacle]
 * @property {Alphas | null} [start]
 * @property {Exact | null} [exact]
 * @property {ImageScore | null} [image]
 * @property {boolean} complete
 * @property {string} name of the picture
 * @property {string[]} panes those that there will be
 * @property {string} state "running", "done", "stopped" or "failed"
 * @property {string} words what is being computed, or how it ended
 * @property {number} progress 0 … 1
 * @property {number[]} detail x, y and width of the place to look at first; none for the whole
 * @property {Part | null} [part] of a large picture
 */

export const PIXELS_IN_MEMORY = 2.5e6;    // larger pictures are cross-faded by the canvas
const SHOWN_AT_FIRST = ['lr', 'psnr', 'gan', 'network', 'image', 'hr'];

export const state = {
  // The viewer's place in the page, its ways to the server and what Python says; `start` fills them.
  element: /** @type {HTMLElement} */ (/** @type {unknown} */ (null)),
  root: /** @type {HTMLElement} */ (/** @type {unknown} */ (null)),
  panes: /** @type {HTMLElement} */ (/** @type {unknown} */ (null)),
  sliders: /** @type {Record<Slider, HTMLElement>} */ ({}),
  // Tells the server of an event; null in a saved page, which has none.
  trigger: /** @type {((event: string, data: object) => void) | null} */ (null),
  read: /** @type {(url: string) => Promise<Blob>} */ (() => Promise.reject(new Error('not started'))),
  labels: /** @type {Record<string, Label>} */ ({}),            // of the panes that show a picture, in their order
  stripAlphas: /** @type {number[]} */ ([]),

  // The comparison.
  run: /** @type {string | null} */ (null),
  over: /** @type {Set<string | null>} */ (new Set()),    // runs that another has replaced
  width: 0,                                                     // 0: there is none
  height: 0,
  titles: /** @type {Record<string, string>} */ ({}),
  obstacle: /** @type {string | null} */ (null),
  thirdObstacle: /** @type {string | null} */ (null),
  name: '',                                                     // of the picture
  expected: /** @type {string[]} */ (['lr', 'psnr', 'gan', 'network', 'image', 'hr']), // panes that there will be
  detail: /** @type {number[]} */ ([]),                         // still to be zoomed to
  link: /** @type {Link} */ ({example: '', kind: '', models: [], mark: [], view: '', pair: [], zoom: null}),
  scores: /** @type {Record<string, string>} */ ({}),
  imageScore: /** @type {ImageScore | null} */ (null),
  exact: /** @type {(Exact & {error: BlendError | null}) | null} */ (null),

  // Its pictures, by name; a key frame's name is its α as text.
  far: 0,                                                       // how far what is shown has come
  keys: /** @type {number[]} */ ([]),                           // α of the key frames that are there
  asked: /** @type {Set<string>} */ (new Set()),                // those that were asked for
  originals: /** @type {Map<string, ServedFile>} */ (new Map()),
  bitmaps: /** @type {Map<string, ImageBitmap>} */ (new Map()),
  bytes: /** @type {Map<string, Bytes>} */ (new Map()),
  maps: /** @type {Map<string, BrightnessMap>} */ (new Map()),
  curves: /** @type {Map<string, Curve>} */ (new Map()),        // of brightness in the marked region
  composites: /** @type {Record<string, Composite>} */ ({}),    // network, image and difference

  // How it is looked at.
  alpha: /** @type {Alphas} */ ({network: 0, image: 0, third: 0}),
  mode: 'grid',
  shown: new Set(SHOWN_AT_FIRST),
  onlyPane: /** @type {string | null} */ (null),
  pair: ['lr', 'gan'],                                          // what is wiped or compared
  wipeAt: 0.5,
  zoom: /** @type {number | null} */ (null),                    // CSS pixels a pixel; null fits the pane
  centre: /** @type {Point} */ ({x: 0, y: 0}),
  smooth: false,
  lens: false,
  pointer: /** @type {Point | null} */ (null),
  mark: /** @type {Box | null} */ (null),

  // What is still to be done: drawing these pictures' panes (all if null), and timers.
  stale: /** @type {Set<string> | null} */ (null),
  frame: 0,
  histogramFrame: 0,
  restTimer: 0,
  unanswered: false,                                            // the server has not answered where the hand rested
  restedSince: false,                                           // and it has come to rest elsewhere
  scrolledAt: -Infinity,
};

/**
 * The one element of the viewer, or of a part of it, that a selector finds.
 * @template {Element} Kind
 * @param {string} selector
 * @param {new () => Kind} kind
 * @param {ParentNode} [within]
 * @returns {Kind}
 */
export function find(selector, kind, within = state.element) {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`The viewer has no ${selector}.`);
  return found;
}

/** @param {Slider} kind */
export function rangeOf(kind) { return find('input', HTMLInputElement, state.sliders[kind]); }

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
}

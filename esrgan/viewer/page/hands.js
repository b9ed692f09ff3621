// @ts-check
// Pointers, fingers and wheels on a pane.

import {repaint, zoomOf} from './drawing.js';
import {state} from './state.js';
import {markAround, moveBy, toPicture, zoomBy} from './zoom.js';

const CLICK_PIXELS = 3;        // a pointer that moved no further has clicked
const SCROLL_MS = 400;         // a wheel that scrolled the page so lately goes on doing so

/**
 * Zoom, move, wipe and mark by what pointers do on this canvas.
 * @param {HTMLCanvasElement} canvas
 */
export function listen(canvas) {
  /** @type {Map<number, PointerEvent>} */
  const fingers = new Map();
  let moved = 0, wiping = false, last = /** @type {PointerEvent | null} */ (null);

  /** @param {PointerEvent} event */
  const down = event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    if (!state.run) return;
    wiping = state.mode === 'wipe' && !event.shiftKey;   // anywhere; with Shift or two fingers it moves the picture
    moved = 0; last = event;
    state.pointer = toPicture(canvas, event);
    if (state.lens) repaint();
  };

  /** @param {PointerEvent} event */
  const move = event => {
    state.pointer = toPicture(canvas, event);
    if (last === null || !fingers.has(event.pointerId)) {
      if (state.lens) repaint();
      return;
    }
    const before = fingers.size === 2 ? spread(fingers) : 0;
    fingers.set(event.pointerId, event);
    const x = event.clientX - last.clientX, y = event.clientY - last.clientY;
    moved += Math.hypot(x, y);
    if (fingers.size === 2) zoomBy(spread(fingers) / before, canvas, toPicture(canvas, other(fingers, event)));
    else if (wiping && moved > CLICK_PIXELS) state.wipeAt = Math.min(1, Math.max(0, acrossOf(canvas, event)));
    else if (!wiping && state.zoom !== null && moved > CLICK_PIXELS) {
      const z = zoomOf(canvas) / devicePixelRatio;
      moveBy(canvas, -x / z, -y / z);
    }
    last = event;
    repaint();
  };

  /** @param {PointerEvent} event */
  const up = event => {
    const clicked = event.type === 'pointerup' && moved <= CLICK_PIXELS;
    if (fingers.delete(event.pointerId) && clicked) markAround(toPicture(canvas, event));
  };

  canvas.addEventListener('pointerdown', down);
  canvas.addEventListener('pointermove', move);
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('pointerleave', () => { state.pointer = null; if (state.lens) repaint(); });
  // Two fingers are ours, while one scrolls the page (see `touch-action`).
  canvas.addEventListener('touchmove', event => { if (event.touches.length > 1) event.preventDefault(); }, {passive: false});
  canvas.addEventListener('wheel', event => wheel(canvas, event), {passive: false});
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {WheelEvent} event
 */
function wheel(canvas, event) {
  const outOfFit = state.zoom === null && event.deltaY > 0;
  if (!event.ctrlKey && (outOfFit || event.timeStamp - state.scrolledAt < SCROLL_MS)) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 300), canvas, toPicture(canvas, event));
}

/**
 * How far from the left a pointer is, of the canvas' width.
 * @param {HTMLCanvasElement} canvas
 * @param {PointerEvent} event
 */
function acrossOf(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return (event.clientX - box.left) / box.width;
}

/** @param {Map<number, PointerEvent>} fingers of two */
function spread(fingers) {
  const [a, b] = fingers.values();
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

/**
 * @param {Map<number, PointerEvent>} fingers
 * @param {PointerEvent} event of one of them
 */
function other(fingers, event) {
  return [...fingers.values()].find(finger => finger.pointerId !== event.pointerId) ?? event;
}

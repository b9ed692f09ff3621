// @ts-check
// The first look: a viewer that shows what the page opens with while the page's own is still being
// built. That takes over its pictures when it starts, and what the visitor's hand has done when it
// shows them.

import {isFirstLook} from './loading.js';
import {state} from './state.js';
import {fetchFile, start} from './viewer.js';

/** @param {HTMLElement} place */
function standIn(place) {
  place.hidden = false;
  if (isDark()) document.body.classList.add('dark');
  const view = JSON.parse(document.getElementById('first-view')?.textContent ?? '');
  // The page may lie below a prefix.
  start(place, {value: view}, null, () => {}, url => fetchFile(url.replace(/^\//, '')));
  state.root.dataset.served = 'true';     // the page's own has the same buttons
  document.addEventListener('viewer', event => givePictures(/** @type {CustomEvent} */ (event).detail), {once: true});
  let held = false;
  place.addEventListener('pointerdown', () => { held = true; });
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => { held = false; });
  requestAnimationFrame(function look() {
    const own = document.querySelector('#viewer .viewer');
    if (held || !(own instanceof HTMLElement) || isOpening(own)) requestAnimationFrame(look);
    else handOver(own, place);
  });
}

/** Whether the page will be dark: Spaces say so by a parameter of gradio's. */
function isDark() {
  const theme = new URLSearchParams(location.search).get('__theme');
  return theme === 'dark' || theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches;
}

/** @param {typeof state} own state of the page's own viewer */
function givePictures(own) {
  own.bitmaps = new Map(state.bitmaps);
  own.asked = new Set(state.bitmaps.keys());
}

/**
 * Whether the page's own viewer has nothing to show or to say yet.
 * @param {HTMLElement} own
 */
function isOpening({dataset}) { return dataset.empty !== 'false' && dataset.state === 'running'; }

/**
 * @param {HTMLElement} own
 * @param {HTMLElement} place
 */
function handOver(own, place) {
  const slider = document.activeElement?.closest('.sliders label')?.id;
  own.dispatchEvent(new CustomEvent('handed', {detail: state}));
  place.remove();
  const range = slider && own.querySelector(`#${slider} input`);
  if (range instanceof HTMLElement) range.focus();
}

const place = document.getElementById('first-look');
if (place && isFirstLook()) standIn(place);
else place?.remove();

// @ts-check
// What there is to move, shown once: α goes from end to end by itself on a visitor's first comparison.

import {setAlpha} from './controls.js';
import {repaint} from './drawing.js';
import {state} from './state.js';

const SEEN = 'esrgan-seen';
const MS = 3600;
let begun = false;

/** Move what the visitor can move, if they have never seen it, and wish to see motion at all. */
export function showOnce() {
  if (begun || state.keys.length < 2 || seen() || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  begun = true;
  let frame = 0;
  const first = state.alpha.network, events = ['pointerdown', 'keydown', 'wheel'], mine = state.run;
  const end = () => {
    cancelAnimationFrame(frame);
    for (const name of events) removeEventListener(name, end, true);
  };
  for (const name of events) addEventListener(name, end, true);
  frame = requestAnimationFrame(function move(now, since = now) {
    const t = Math.min(1, (now - since) / MS);
    if (mine !== state.run) return end();
    showAt(t, first);
    if (t === 1) { remember(); return end(); }
    frame = requestAnimationFrame(later => move(later, since));
  });
}

/**
 * From where it stands to one end, to the other, and back.
 * @param {number} t 0 … 1 of the time
 * @param {number} first
 */
function showAt(t, first) {
  const wiping = state.mode === 'wipe', at = alongRoad(t, [wiping ? 0.5 : first, 0.04, 0.96, wiping ? 0.5 : first]);
  if (wiping) {
    state.wipeAt = at;
    repaint();
  } else if (state.obstacle === null) setAlpha('network', at);
}

/**
 * Along straight pieces between points, slowly at each end.
 * @param {number} t 0 … 1
 * @param {number[]} points
 */
export function alongRoad(t, points) {
  const pieces = points.length - 1, i = Math.min(pieces - 1, Math.floor(t * pieces)), part = t * pieces - i;
  const eased = part * part * (3 - 2 * part);
  return points[i] + (points[i + 1] - points[i]) * eased;
}

function seen() {
  try { return localStorage.getItem(SEEN) !== null; } catch { return true; }
}

function remember() {
  try { localStorage.setItem(SEEN, '1'); } catch { /* then it is shown again */ }
}

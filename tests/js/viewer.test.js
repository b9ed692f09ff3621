// Where α lies between key frames, and places in a picture.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {signed} from '../../esrgan/viewer/page/graphs.js';
import {progressOf} from '../../esrgan/viewer/page/loading.js';
import {fitted} from '../../esrgan/viewer/page/part.js';
import {neighbours, sharesOf} from '../../esrgan/viewer/page/pictures.js';
import {centreWithin, cropAround} from '../../esrgan/viewer/page/zoom.js';

test('α lies between its neighbours at its share', () => {
  const keys = [0, 0.2, 0.5, 1];
  for (const a of [0.05, 0.2, 0.33, 0.5, 0.99]) {
    const {low, high, t} = neighbours(a, keys);
    assert.ok(Number(low) <= a && a <= Number(high));
    assert.ok(Math.abs((1 - t) * Number(low) + t * Number(high) - a) < 1e-12);
    assert.equal(keys.filter(key => key > Number(low) && key < Number(high)).length, 0);
  }
});

test('a key frame is its own neighbour, whatever the last digit of α', () => {
  assert.deepEqual(neighbours(0.1 + 0.2, [0, 0.3, 1]), {low: '0.3', high: '0.3', t: 0});
  assert.deepEqual(neighbours(0, [0, 1]), {low: '0', high: '0', t: 0});
});

test('shares sum to 1, and the third takes its own', () => {
  for (const t of [0, 0.4, 1]) {
    for (const share of [0, 0.25, 1]) {
      const shares = sharesOf(t, share);
      assert.ok(Math.abs(shares.reduce((x, y) => x + y) - 1) < 1e-12);
      assert.equal(shares[2], share);
    }
  }
});

test('a crop is around the point, and never beyond the picture', () => {
  assert.deepEqual(cropAround({x: 100, y: 80}, 64, 448, 300), {x: 68, y: 48, w: 64, h: 64});
  assert.deepEqual(cropAround({x: 3, y: 299}, 64, 448, 300), {x: 0, y: 236, w: 64, h: 64});
  assert.deepEqual(cropAround({x: 10, y: 10}, 64, 40, 300), {x: 0, y: 0, w: 40, h: 64});
});

test('what is seen stays within the picture', () => {
  assert.equal(centreWithin(50, 20, 100), 50);
  assert.equal(centreWithin(5, 20, 100), 20);
  assert.equal(centreWithin(95, 20, 100), 80);
  assert.equal(centreWithin(5, 60, 100), 50);  // all of it is seen
});

test('differences are signed, and nothing is not', () => {
  assert.deepEqual([0.004, -0.004, 1.5, -1.5].map(signed), ['0.00', '0.00', '+1.50', '-1.50']);
});

test('a part of a large picture stays within it, and within what is taken at once', () => {
  const within = {width: 4000, height: 3000, most: 1_000_000};
  assert.deepEqual(fitted([10, 20, 400, 300], within), [10, 20, 400, 300]);
  assert.deepEqual(fitted([3900, -50, 400, 300], within), [3600, 0, 400, 300]);
  assert.deepEqual(fitted([5, 5, 1, -3], within), [5, 5, 16, 16]);
  const [, , w, h] = fitted([0, 0, 9999, 9999], within);
  assert.ok(w * h <= within.most && Math.abs(w / h - 4 / 3) < 0.01);
});

test('a view that was overtaken has come less far', () => {
  /** @type {any[]} */
  const views = [
    {pictures: ['lr'], frames: [], complete: false},
    {pictures: ['lr', 'psnr'], frames: [], complete: false},
    {pictures: ['lr', 'psnr'], frames: [0, 1], complete: false},
    {pictures: ['lr', 'psnr'], frames: [0, 1], complete: true},
  ];
  const far = views.map(progressOf);
  assert.deepEqual(far, [...new Set(far)].sort((a, b) => a - b));
});

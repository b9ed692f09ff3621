// Arithmetic on pictures against plain formulas, value by value.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {
  LEVELS, blend, blendThree, blendedMap, brightnessCurve, brightnessMap, difference, errorOf,
} from '../../esrgan/viewer/page/pixels.js';

/** Pseudo-random numbers from 0 up to 1, always the same (Park and Miller). */
function numbers(seed = 1) {
  return () => { seed = seed * 48271 % 2147483647; return seed / 2147483647; };
}

/** An opaque picture of random colours. */
function picture(pixels, seed) {
  const next = numbers(seed);
  return Uint8ClampedArray.from({length: 4 * pixels}, (_, i) => i % 4 === 3 ? 255 : Math.floor(256 * next()));
}

/** To the nearest whole number, ties to even. */
function rounded(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || rest === 0.5 && low % 2 === 0 ? low : low + 1;
}

test('a blend is rounded to nearest, ties to even, for every pair of levels', () => {
  const pairs = 65536, a = new Uint8ClampedArray(4 * pairs).fill(255), b = a.slice(), out = a.slice();
  for (let i = 0; i < pairs; i++) { a[4 * i] = a[4 * i + 2] = i & 255; b[4 * i] = b[4 * i + 1] = i >> 8; }
  for (const t of [0, 0.25, 0.5, 0.8, 1]) {
    blend(a, b, t, out);
    const wrong = out.findIndex((value, i) => value !== rounded((1 - t) * a[i] + t * b[i]));
    assert.equal(wrong, -1);
  }
});

test('the ends of a blend are the pictures themselves', () => {
  const a = picture(50, 1), b = picture(50, 2), out = new Uint8ClampedArray(200);
  blend(a, b, 0, out);
  assert.deepEqual(out, a);
  blend(a, b, 1, out);
  assert.deepEqual(out, b);
});

test('without a share of the third, three pictures blend as two', () => {
  const [a, b, c] = [1, 2, 3].map(seed => picture(50, seed));
  const two = new Uint8ClampedArray(200), three = two.slice();
  blend(a, b, 0.3, two);
  blendThree(a, b, c, [0.7, 0.3, 0], three);
  assert.deepEqual(three, two);
  blendThree(a, b, c, [0, 0, 1], three);
  assert.deepEqual(three, c);
});

test('a difference is amplified, clamped and opaque', () => {
  const a = picture(50, 1), b = picture(50, 2), out = new Uint8ClampedArray(200);
  difference(a, b, 4, out);
  for (let i = 0; i < 200; i++) {
    assert.equal(out[i], i % 4 === 3 ? 255 : Math.min(255, 4 * Math.abs(a[i] - b[i])));
  }
});

test('mean and percentile of an error are those of the sorted errors', () => {
  const a = picture(3000, 1), b = picture(3000, 2);
  const errors = [...a.keys()].filter(i => i % 4 < 3).map(i => Math.abs(a[i] - b[i])).sort((x, y) => x - y);
  const {mean, high} = errorOf(a, b);
  assert.equal(mean, errors.reduce((x, y) => x + y) / errors.length);
  assert.equal(high, errors[Math.ceil(0.999 * errors.length) - 1]);
  assert.deepEqual(errorOf(a, a), {mean: 0, high: 0});
});

/** Gaussian-filtered grey at one pixel, by the definition: two dimensions, mirrored at the border. */
function filtered(rgba, width, height, x, y) {
  const mirrored = (i, n) => i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i;
  let sum = 0, total = 0;
  for (let v = -12; v <= 12; v++) {
    for (let u = -12; u <= 12; u++) {
      const weight = Math.exp(-(u * u + v * v) / 18), at = 4 * (mirrored(y + v, height) * width + mirrored(x + u, width));
      sum += weight * (0.2989 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]) / 0.9999;
      total += weight;
    }
  }
  return sum / total;
}

test('brightness is Gaussian-filtered grey at every second pixel', () => {
  const [width, height] = [33, 27], rgba = picture(width * height, 5);
  const found = brightnessMap(rgba, width, height);
  assert.deepEqual([found.width, found.height], [17, 14]);
  for (let y = 0; y < 14; y++) {
    for (let x = 0; x < 17; x++) {
      assert.ok(Math.abs(found.map[y * 17 + x] - filtered(rgba, width, height, 2 * x, 2 * y)) < 1e-3);
    }
  }
});

test('the map of a blend is the blend of the maps', () => {
  const [a, b] = [1, 2].map(seed => picture(400, seed).map((value, i) => i % 4 === 3 ? 255 : value & 0xfe));
  const half = new Uint8ClampedArray(1600);
  blend(a, b, 0.5, half);  // of even levels, so that nothing is rounded
  const expected = brightnessMap(half, 20, 20).map;
  const found = blendedMap(brightnessMap(a, 20, 20), brightnessMap(b, 20, 20), 0.5).map;
  assert.ok(found.every((value, i) => Math.abs(value - expected[i]) < 1e-3));
});

test('a curve of brightness counts the darker pixels of the region', () => {
  const grey = level => Uint8ClampedArray.from({length: 4 * 40 * 40}, (_, i) => i % 4 === 3 ? 255 : level);
  const whole = {x: 0, y: 0, w: 40, h: 40};
  const {darker, mean} = brightnessCurve(brightnessMap(grey(101), 40, 40), whole);
  assert.ok(Math.abs(mean - 101) < 1e-3);
  assert.equal(darker.length, LEVELS);
  assert.deepEqual([darker[98], darker[102]], [0, 1]);  // darker than 99 is nothing, than 103 all
  const noise = brightnessMap(picture(1600, 9), 40, 40);
  const part = brightnessCurve(noise, {x: 10, y: 4, w: 8, h: 6});
  const inside = [];
  for (let y = 2; y < 5; y++) for (let x = 5; x < 9; x++) inside.push(noise.map[y * 20 + x]);
  for (let level = 1; level <= LEVELS; level++) {
    assert.equal(part.darker[level - 1], inside.filter(value => value < level).length / inside.length);
  }
  assert.ok(Math.abs(part.mean - inside.reduce((x, y) => x + y) / inside.length) < 1e-9);
});

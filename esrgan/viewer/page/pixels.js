// @ts-check
// Arithmetic on pictures: pure functions, the same as `esrgan.models.interpolation` and
// `esrgan.evaluation.histogram`.

/**
 * @typedef {Uint8ClampedArray} Bytes red, green, blue and alpha of each pixel
 * @typedef {{map: Float32Array, width: number, height: number}} BrightnessMap at every second pixel
 * @typedef {{darker: Float64Array, mean: number}} Curve shares of pixels darker than 1 … LEVELS, and the mean
 * @typedef {{x: number, y: number, w: number, h: number}} Box in pixels of a picture
 */

const OPAQUE = new Uint32Array(new Uint8Array([0, 0, 0, 255]).buffer)[0];

/**
 * (1 − t) a + t b of opaque RGBA bytes, from a table of what each pair of levels becomes: three times
 * as fast as arithmetic, and the same. Storing into a clamped array rounds to nearest, ties to even,
 * as NumPy.
 * @param {Bytes} a
 * @param {Bytes} b
 * @param {number} t
 * @param {Bytes} out
 */
export function blend(a, b, t, out) {
  const table = blended(t), [first, second, result] = [a, b, out].map(words);
  for (let i = 0; i < result.length; i++) {
    const p = first[i], q = second[i];
    result[i] = table[p & 255 | (q & 255) << 8] | table[p >>> 8 & 255 | q & 0xff00] << 8
      | table[p >>> 16 & 255 | q >>> 8 & 0xff00] << 16 | OPAQUE;
  }
}

/** @param {Bytes} bytes */
const words = bytes => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

/**
 * At b·256 + a: (1 − t) a + t b.
 * @param {number} t
 */
function blended(t) {
  const table = new Uint8ClampedArray(65536), s = 1 - t;
  for (let b = 0; b < 256; b++) for (let a = 0; a < 256; a++) table[b << 8 | a] = s * a + t * b;
  return table;
}

/**
 * u a + v b + w c of RGBA bytes, rounded likewise.
 * @param {Bytes} a
 * @param {Bytes} b
 * @param {Bytes} c
 * @param {number[]} shares u, v and w
 * @param {Bytes} out
 */
export function blendThree(a, b, c, [u, v, w], out) {
  for (let i = 0; i < out.length; i++) out[i] = u * a[i] + v * b[i] + w * c[i];
}

/**
 * |a − b| · gain of RGBA bytes, opaque.
 * @param {Bytes} a
 * @param {Bytes} b
 * @param {number} gain
 * @param {Bytes} out
 */
export function difference(a, b, gain, out) {
  for (let i = 0; i < out.length; i++) out[i] = i % 4 === 3 ? 255 : Math.abs(a[i] - b[i]) * gain;
}

/**
 * Mean and 99.9th percentile of |a − b| over the colours of RGBA bytes, in grey levels.
 * @param {Bytes} a
 * @param {Bytes} b
 */
export function errorOf(a, b) {
  const counts = new Uint32Array(256);
  let sum = 0, total = 0;
  for (let i = 0; i < a.length; i++) {
    if (i % 4 === 3) continue;
    const d = Math.abs(a[i] - b[i]);
    counts[d]++; sum += d; total++;
  }
  let level = 0;
  for (let seen = counts[0]; seen < 0.999 * total; seen += counts[level]) level++;
  return {mean: sum / total, high: level};
}

export const LEVELS = 255;
const SIGMA = 3, RADIUS = 12, STRIDE = 2;
const KERNEL = (() => {
  const weights = Array.from({length: 2 * RADIUS + 1}, (_, i) => Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)));
  const sum = weights.reduce((x, y) => x + y);
  return weights.map(w => w / sum);
})();

/**
 * The border repeats mirror-wise: … c b a | a b c …
 * @param {number} i
 * @param {number} n
 */
function mirrored(i, n) {
  i = ((i % (2 * n)) + 2 * n) % (2 * n);
  return i < n ? i : 2 * n - 1 - i;
}

/**
 * Grey of a Gaussian-filtered RGBA picture, at every second pixel.
 * @param {Bytes} rgba
 * @param {number} width
 * @param {number} height
 * @returns {BrightnessMap}
 */
export function brightnessMap(rgba, width, height) {
  const grey = new Float32Array(width * height);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4) {
    grey[i] = (0.2989 * rgba[j] + 0.5870 * rgba[j + 1] + 0.1140 * rgba[j + 2]) / 0.9999;
  }
  const w = Math.ceil(width / STRIDE), h = Math.ceil(height / STRIDE);
  const rows = new Float32Array(w * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = -RADIUS; k <= RADIUS; k++) {
        const at = x * STRIDE + k;
        sum += KERNEL[k + RADIUS] * grey[y * width + (at >= 0 && at < width ? at : mirrored(at, width))];
      }
      rows[y * w + x] = sum;
    }
  }
  const map = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let k = -RADIUS; k <= RADIUS; k++) {
      const at = y * STRIDE + k;
      const row = (at >= 0 && at < height ? at : mirrored(at, height)) * w, weight = KERNEL[k + RADIUS];
      for (let x = 0; x < w; x++) map[y * w + x] += weight * rows[row + x];
    }
  }
  return {map, width: w, height: h};
}

/**
 * Filtering is linear, so that the map of a blend is the blend of the maps.
 * @param {BrightnessMap} first
 * @param {BrightnessMap} second
 * @param {number} t
 * @returns {BrightnessMap}
 */
export function blendedMap(first, second, t) {
  if (t === 0) return first;
  const map = new Float32Array(first.map.length);
  for (let i = 0; i < map.length; i++) map[i] = (1 - t) * first.map[i] + t * second.map[i];
  return {...first, map};
}

/**
 * The share of a region's pixels that are darker than each of the levels 1 … LEVELS, and their mean.
 * @param {BrightnessMap} brightness
 * @param {Box} region
 * @returns {Curve}
 */
export function brightnessCurve({map, width, height}, region) {
  const counts = new Float64Array(LEVELS + 1);
  const x0 = Math.floor(region.x / STRIDE), x1 = Math.min(width, Math.ceil((region.x + region.w) / STRIDE));
  const y0 = Math.floor(region.y / STRIDE), y1 = Math.min(height, Math.ceil((region.y + region.h) / STRIDE));
  let sum = 0;
  for (let y = y0; y < y1; y++) {
    for (let i = y * width + x0; i < y * width + x1; i++) {
      counts[Math.min(LEVELS, Math.max(0, Math.floor(map[i])))]++;
      sum += map[i];
    }
  }
  const total = (x1 - x0) * (y1 - y0);
  let below = 0;
  return {darker: counts.subarray(0, LEVELS).map(count => (below += count) / total), mean: sum / total};
}

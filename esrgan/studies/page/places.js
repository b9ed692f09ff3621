// @ts-check
// Where in its pane a picture is shown: all panes share one zoom.

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, height: number}} Size
 * @typedef {{zoom: number | null, centre: Point}} Look device pixels a pixel, and what is in the middle; null fits
 */

export const MAX_ZOOM = 32;

/**
 * The zoom at which all of a picture is seen: magnified by a whole factor, so that each pixel is one square.
 * @param {Size} picture
 * @param {Size} pane in device pixels
 */
export function fitting(picture, pane) {
  const fit = Math.min(pane.width / picture.width, pane.height / picture.height);
  return fit < 1 ? fit : Math.min(MAX_ZOOM, Math.floor(fit));
}

/**
 * Zoom and upper left corner of a picture in its pane, in device pixels.
 * @param {Look} look
 * @param {Size} picture
 * @param {Size} pane
 */
export function placed({zoom, centre}, picture, pane) {
  const z = zoom ?? fitting(picture, pane);
  return {
    z,
    x: Math.round(pane.width / 2 - within(centre.x, pane.width / 2 / z, picture.width) * z),
    y: Math.round(pane.height / 2 - within(centre.y, pane.height / 2 / z, picture.height) * z),
  };
}

/**
 * The middle of what is seen, moved so that nothing beyond the picture is; along one axis.
 * @param {number} centre
 * @param {number} half of what is seen
 * @param {number} whole
 */
export function within(centre, half, whole) {
  return half * 2 >= whole ? whole / 2 : Math.min(whole - half, Math.max(half, centre));
}

/**
 * Zoomed by a factor so that what is at a point of the pane stays there; all of the picture is the least.
 * @param {Look} look
 * @param {number} factor
 * @param {Point} at in device pixels of the pane
 * @param {Size} picture
 * @param {Size} pane
 * @returns {Look}
 */
export function zoomed(look, factor, at, picture, pane) {
  const {z, x, y} = placed(look, picture, pane), fit = fitting(picture, pane);
  const zoom = Math.min(MAX_ZOOM, z * factor);
  if (zoom <= fit) return {zoom: null, centre: {x: picture.width / 2, y: picture.height / 2}};
  const kept = {x: (at.x - x) / z, y: (at.y - y) / z};
  return {zoom, centre: {
    x: within(kept.x - (at.x - pane.width / 2) / zoom, pane.width / 2 / zoom, picture.width),
    y: within(kept.y - (at.y - pane.height / 2) / zoom, pane.height / 2 / zoom, picture.height),
  }};
}

/**
 * Moved by so many device pixels.
 * @param {Look} look
 * @param {Point} by
 * @param {Size} picture
 * @param {Size} pane
 * @returns {Look}
 */
export function moved(look, by, picture, pane) {
  const {z} = placed(look, picture, pane);
  const centre = {
    x: within(look.centre.x + by.x / z, pane.width / 2 / z, picture.width),
    y: within(look.centre.y + by.y / z, pane.height / 2 / z, picture.height),
  };
  return {zoom: look.zoom, centre};
}

// @ts-check
// What the viewer noted when this page was left, if it is the same page that comes again.

/** @returns {string} */
function left() {
  const [how] = performance.getEntriesByType('navigation');
  try {
    const again = how instanceof PerformanceNavigationTiming && how.type !== 'navigate';
    return again && sessionStorage.getItem('comparison') || '';
  } catch {
    return '';                              // the browser stores nothing
  }
}

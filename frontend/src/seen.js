/** Cells that run by themselves do so when a reader comes near them, not when a page with many of them opens. */

const NEAR = "50%"; // of the window's height

/** Call back once when the element is, or is about to be, in view. Returns a function that ends the wait. */
export function whenSeen(element, callback) {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      callback();
    },
    { rootMargin: `${NEAR} 0px` },
  );
  observer.observe(element);
  return () => observer.disconnect();
}

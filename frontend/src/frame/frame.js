/** Inside the sandbox: shows what the page hands over, once, and says how high it is. */

// Opened by itself, on our server's own origin, this page must do nothing with what anyone sends it.
if (self.origin === "null" && parent !== self) {
  addEventListener("message", (event) => {
    if (event.source === parent) show(event.data);
  }, { once: true });
}

function show({ type, data, scheme }) {
  document.documentElement.classList.add(scheme === "dark" ? "dark" : "light");
  const here = document.createRange();
  here.selectNodeContents(document.body);
  document.body.replaceChildren();
  new ResizeObserver(tellHeight).observe(document.body);
  addEventListener("load", tellHeight, true);
  addEventListener("click", tellLink);
  if (type === "application/javascript") {
    const script = document.createElement("script");
    script.textContent = data;
    document.body.append(script);
  } else {
    document.body.append(here.createContextualFragment(data)); // runs its scripts, in order
  }
  tellHeight();
}

/** A link would open inside the frame, or nowhere; the page offers it to the reader instead. */
function tellLink(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link || event.defaultPrevented || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  parent.postMessage({ link: link.href }, "*");
}

let told = -1;

function tellHeight() {
  const { body } = document;
  const height = Math.max(body.getBoundingClientRect().bottom, body.scrollHeight);
  if (height === told) return;
  told = height;
  parent.postMessage({ height }, "*");
}

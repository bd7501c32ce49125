/* Material's code buttons stand in navigation landmarks without a name: each gets one. */
new MutationObserver(() => {
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((nav) => {
    nav.setAttribute("aria-label", `Code block ${document.querySelectorAll(".md-code__nav[aria-label]").length + 1}`);
  });
}).observe(document.documentElement, { childList: true, subtree: true });

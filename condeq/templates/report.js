// Search, filters and order of the table of verdicts, with their state in the address; evidence open on paper, losses by
// their links.
(() => {
  const form = document.getElementById("filter"), table = document.querySelector("table.verdicts");
  if (!form || !table) return;
  const rows = [...table.tBodies], fields = ["q", "verdict", "source", "origin", "sort"];
  const button = document.getElementById("open-all");
  const greek = {
    alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", lambda: "λ", mu: "μ", nu: "ν", pi: "π", psi: "ψ",
    sigma: "σ", tau: "τ", kappa: "κ",
  };
  // δ_ref, delta_ref and δ with its index are the same words
  const fold = (text) => text.toLowerCase().normalize("NFKD").replace(/[_^{}]/g, "").replace(/\s+/g, " ")
    .replace(/\b(alpha|beta|gamma|delta|epsilon|lambda|mu|nu|pi|psi|sigma|tau|kappa)(?=[^a-z]|ref\b|[a-z]\b|$)/g, (name) => greek[name]);
  const words = new Map(rows.map((row) => [row, fold(`${row.id} ${row.textContent}`)]));
  const title = (row) => row.querySelector("th").textContent.trim();
  const order = {
    "": (a, b) => rows.indexOf(a) - rows.indexOf(b),
    title: (a, b) => title(a).localeCompare(title(b)),
    name: (a, b) => a.id.localeCompare(b.id),
    verdict: (a, b) => a.dataset.verdict.localeCompare(b.dataset.verdict) || rows.indexOf(a) - rows.indexOf(b),
  };
  const details = (row) => row.querySelector("details");
  const visible = () => rows.filter((row) => !row.hidden);

  function label() {
    const all = visible().every((row) => details(row).open);
    button.textContent = all && visible().length ? "Close all" : "Open all";
  }
  function show() {
    const asked = fold(form.q.value).trim().split(" ").filter(Boolean);
    for (const row of rows) {
      const chosen = ["verdict", "source", "origin"].every((key) => !form[key].value || row.dataset[key] === form[key].value);
      row.hidden = !(chosen && asked.every((word) => words.get(row).includes(word)));
    }
    table.append(...[...rows].sort(order[form.sort.value] || order[""]));
    document.getElementById("shown").textContent = `${visible().length} of ${rows.length} statements`;
    label();
  }
  function remember() {
    const state = new URLSearchParams();
    for (const key of fields) if (form[key].value) state.set(key, form[key].value);
    const query = state.toString();
    try {
      history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}${location.hash}`);
    } catch { /* an address that may not be changed: the table is narrowed all the same */ }
  }
  function recall() {
    const state = new URLSearchParams(location.search);
    for (const key of fields) {
      form[key].value = state.get(key) || "";
      if (form[key].tagName === "SELECT" && form[key].selectedIndex < 0) form[key].value = "";
    }
  }

  form.hidden = false;
  recall();
  show();
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  form.addEventListener("input", () => { show(); remember(); });
  document.getElementById("all-again").addEventListener("click", () => {
    for (const key of fields) form[key].value = "";
    show();
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  button.addEventListener("click", () => {
    const open = button.textContent === "Open all";
    for (const row of visible()) details(row).open = open;
    label();
  });
  table.addEventListener("toggle", label, true);

  // a link to a loss opens what is told of it
  const unfold = () => {
    const part = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (part?.matches("details.loss")) part.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of closed) part.open = false; });
})();

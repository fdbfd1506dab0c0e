/**
 * The panel's looks. Every rule lies below `.nolapse-devtools`, and nothing here needs escaping in HTML. A page may set the
 * variables to colours of its own.
 *
 * @module
 */

const LIGHT =
  "--nlp-surface:#fff;--nlp-sunken:#f2f4f0;--nlp-line:#dde1da;--nlp-ink:#171b19;--nlp-soft:#59625e;" +
  "--nlp-good:#0a7850;--nlp-wait:#9a5b00;--nlp-bad:#b32d24;--nlp-ask:#4b4fc4;--nlp-alarm:#fbe3e0";
const DARK =
  "--nlp-surface:#161c1a;--nlp-sunken:#0f1413;--nlp-line:#2b3532;--nlp-ink:#e7ecea;--nlp-soft:#9aa7a2;" +
  "--nlp-good:#4fc792;--nlp-wait:#f0b64d;--nlp-bad:#ff8a7d;--nlp-ask:#a3a6ff;--nlp-alarm:#43201c";

/** The content of the panel's one `<style>`. */
export const STYLE: string = `
.nolapse-devtools{${LIGHT}}
@media (prefers-color-scheme:dark){.nolapse-devtools{${DARK}}}
.nolapse-devtools{font:400 13px/1.45 system-ui,sans-serif;letter-spacing:normal;text-align:start;text-transform:none;
color:var(--nlp-ink);color-scheme:light dark;-webkit-text-size-adjust:100%}
.nolapse-devtools,.nolapse-devtools *{box-sizing:border-box}
.nolapse-devtools :is(h2,h3,p,dl,dt,dd,ol,ul,li){margin:0;padding:0;font:inherit;color:inherit;list-style:none}
.nolapse-devtools button,.nolapse-devtools select{appearance:none;font:inherit;color:inherit;cursor:pointer;
min-height:34px;margin:0;padding:5px 12px;border:1px solid var(--nlp-line);border-radius:8px;
background:var(--nlp-surface);box-shadow:none;text-align:center}
.nolapse-devtools button:hover{border-color:var(--nlp-soft)}
.nolapse-devtools :focus-visible{outline:2px solid var(--nlp-ask);outline-offset:2px}
.nolapse-devtools button[aria-pressed=true]{background:var(--nlp-alarm);border-color:var(--nlp-bad);color:var(--nlp-bad);font-weight:600}
.nolapse-devtools button:disabled{opacity:.5;cursor:default}
.nolapse-devtools .nlp-panel{container-type:inline-size;display:grid;gap:14px;grid-template-columns:minmax(0,1fr)}
.nolapse-devtools .nlp-alarm{display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center;justify-content:space-between;
margin-bottom:14px;padding:10px 14px;border-radius:10px;border:1px solid var(--nlp-bad);background:var(--nlp-alarm);color:var(--nlp-bad);font-weight:600}
.nolapse-devtools .nlp-body [role=status]{position:sticky;top:-14px;z-index:1}
.nolapse-devtools .nlp-facts{display:grid;gap:10px;grid-template-columns:minmax(0,1fr)}
.nolapse-devtools .nlp-fact{padding:12px 14px;border:1px solid var(--nlp-line);border-radius:10px;background:var(--nlp-sunken);
display:grid;gap:6px;align-content:start}
.nolapse-devtools h3{font-size:12px;font-weight:600;color:var(--nlp-soft)}
.nolapse-devtools .nlp-big{font-size:22px;line-height:1.15;font-weight:620;font-variant-numeric:tabular-nums;min-height:26px}
.nolapse-devtools .nlp-why{color:var(--nlp-soft);min-height:19px}
.nolapse-devtools .nlp-rows{display:grid;gap:3px}
.nolapse-devtools .nlp-rows div{display:flex;justify-content:space-between;gap:10px}
.nolapse-devtools dt{color:var(--nlp-soft)}
.nolapse-devtools dd{font-variant-numeric:tabular-nums;text-align:end;white-space:nowrap}
.nolapse-devtools .nlp-status{display:inline-flex;align-items:center;gap:7px;font-weight:600}
.nolapse-devtools svg{display:block;overflow:visible}
.nolapse-devtools .nlp-plot{min-width:0;padding:12px 14px;border:1px solid var(--nlp-line);border-radius:10px;overflow:hidden}
.nolapse-devtools .nlp-plot svg text{font-size:11px;fill:var(--nlp-soft);font-variant-numeric:tabular-nums}
.nolapse-devtools .nlp-legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin-top:8px;font-size:12px;color:var(--nlp-soft)}
.nolapse-devtools .nlp-legend li{display:inline-flex;align-items:center;gap:5px}
.nolapse-devtools .nlp-try{display:flex;flex-wrap:wrap;gap:8px}
.nolapse-devtools .nlp-sleep{display:inline-flex;gap:0}
.nolapse-devtools .nlp-sleep button{border-start-end-radius:0;border-end-end-radius:0}
.nolapse-devtools .nlp-sleep select{appearance:auto;border-start-start-radius:0;border-end-start-radius:0;border-inline-start:0}
.nolapse-devtools .nlp-log{max-height:230px;overflow-y:auto;border:1px solid var(--nlp-line);border-radius:10px;padding:2px 14px}
.nolapse-devtools .nlp-log li{display:grid;grid-template-columns:62px 16px minmax(0,1fr) auto;gap:0 8px;align-items:center;
padding:6px 0;border-top:1px solid var(--nlp-line)}
.nolapse-devtools .nlp-log li:first-child{border-top:0}
.nolapse-devtools .nlp-log time,.nolapse-devtools .nlp-log small{font-size:12px;color:var(--nlp-soft);font-variant-numeric:tabular-nums}
.nolapse-devtools .nlp-empty{color:var(--nlp-soft);padding:10px 0}
@container (min-width:420px){.nolapse-devtools .nlp-facts{grid-template-columns:repeat(2,minmax(0,1fr))}}
@container (min-width:980px){.nolapse-devtools .nlp-facts{grid-template-columns:repeat(4,minmax(0,1fr))}}
.nolapse-devtools .nlp-open{position:fixed;z-index:2147483000;display:inline-flex;align-items:center;gap:8px;min-height:38px;
border-radius:19px;padding:6px 14px;font-weight:600;box-shadow:0 6px 24px -8px rgb(0 0 0 / 35%)}
.nolapse-devtools .nlp-drawer{position:fixed;z-index:2147483000;width:min(480px,calc(100vw - 32px));
max-height:min(760px,calc(100dvh - 32px));display:flex;flex-direction:column;border:1px solid var(--nlp-line);
border-radius:14px;background:var(--nlp-surface);box-shadow:0 18px 60px -18px rgb(0 0 0 / 45%)}
.nolapse-devtools .nlp-head{display:flex;align-items:center;justify-content:space-between;gap:12px;padding:12px 16px;
border-bottom:1px solid var(--nlp-line)}
.nolapse-devtools h2{font-size:15px;font-weight:620}
.nolapse-devtools .nlp-body{overflow-y:auto;overscroll-behavior:contain;padding:14px 16px}
.nolapse-devtools [data-place^=bottom]{bottom:16px}
.nolapse-devtools [data-place^=top]{top:16px}
.nolapse-devtools [data-place$=right]{right:16px}
.nolapse-devtools [data-place$=left]{left:16px}
@media (max-width:520px){.nolapse-devtools .nlp-drawer{left:8px;right:8px;width:auto;max-height:calc(100dvh - 16px)}
.nolapse-devtools .nlp-drawer[data-place^=bottom]{bottom:8px}.nolapse-devtools .nlp-drawer[data-place^=top]{top:8px}}
`;

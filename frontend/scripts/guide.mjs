/**
 * docs/api.md as a module, "virtual:guide": the one text about the API is read on the page, too. Made into HTML at build
 * time, so that no reader loads a parser. Links to other documents of the repository become text: the page has none of them.
 */
import { readFile } from "node:fs/promises";
import { Marked } from "marked";

const NAME = "virtual:guide";
const SOURCE = new URL("../../docs/api.md", import.meta.url);

const marked = new Marked({
  renderer: {
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      return href.startsWith("https://") ? `<a href="${href}" rel="noreferrer noopener" target="_blank">${text}</a>` : text;
    },
    table(token) {
      // What scrolls must be reachable by keyboard. A header without a word is none.
      const cell = (each, tag) => `<${tag}>${this.parser.parseInline(each.tokens)}</${tag}>`;
      const row = (cells, tag) => `<tr>${cells.map((each) => cell(each, tag)).join("")}</tr>`;
      const head = token.header.some((each) => each.text) ? `<thead>${row(token.header, "td")}</thead>` : "";
      return `<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>${head}<tbody>${token.rows
        .map((cells) => row(cells, "td"))
        .join("")}</tbody></table></div>`;
    },
    code({ text }) {
      const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      return `<pre role="group" aria-label="Example" tabindex="0"><code>${escaped}</code></pre>`;
    },
  },
});

/** By title: what stands before the first heading of the second level is under the document's own. */
export function sections(markdown) {
  const parts = markdown.split(/^#{1,2} /m).slice(1);
  return Object.fromEntries(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end).trim(), marked.parse(part.slice(end))];
    }),
  );
}

export function guide() {
  return {
    name: "guide",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    async load(id) {
      if (id !== `\0${NAME}`) return null;
      this.addWatchFile(SOURCE.pathname);
      return `export default ${JSON.stringify(sections(await readFile(SOURCE, "utf-8")))};`;
    },
  };
}

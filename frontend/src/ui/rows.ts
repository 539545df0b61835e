/**
 * A column of equal rows that is repainted many times a second: the elements stay, and only text that differs is
 * written. React would compare the same rows again for every frame; this costs what changed.
 */
import "./rows.css";

interface RowContent {
  cells: readonly string[];
  /** Extra class names: tone, own order, chosen. */
  className: string;
  /** The same for tests and for whoever restyles the page: `data-is`. */
  is?: string;
  /** Length of the bar behind the row, 0 to 1. */
  share: number;
}

/** Steps of a bar's length: finer ones are not seen but cost a repaint each. */
const BAR_STEPS = 200;

interface Painted {
  element: HTMLElement;
  texts: Text[];
  cells: string[];
  className: string;
  share: number;
}

export class Rows {
  private readonly painted: Painted[] = [];

  constructor(
    private readonly parent: HTMLElement,
    private readonly columns: number,
    private readonly role: "option" | "row",
    private readonly idPrefix: string | null,
  ) {}

  get count(): number {
    return this.painted.length;
  }

  resize(count: number): void {
    while (this.painted.length > count) this.painted.pop()?.element.remove();
    while (this.painted.length < count) this.painted.push(this.create(this.painted.length));
  }

  /** Moves the last rows to the top: what stays is moved, not written again. */
  rotate(by: number): void {
    for (let count = Math.min(by, this.painted.length); count > 0; count -= 1) {
      const last = this.painted.pop() as Painted;
      this.parent.prepend(last.element);
      this.painted.unshift(last);
    }
  }

  element(index: number): HTMLElement | undefined {
    return this.painted[index]?.element;
  }

  paint(index: number, content: RowContent | null): void {
    const row = this.painted[index];
    if (!row) return;
    const className = content === null ? "row empty" : `row ${content.className}`;
    if (row.className !== className) {
      row.element.className = row.className = className;
      row.element.dataset["is"] = content?.is ?? "";
      row.element.ariaHidden = content === null ? "true" : null; // an option without a name is nothing to choose
    }
    const share = Math.round((content?.share ?? 0) * BAR_STEPS) / BAR_STEPS;
    if (row.share !== share) {
      row.share = share;
      row.element.style.backgroundSize = `${share * 100}% 100%`;
    }
    for (let column = 0; column < this.columns; column += 1) {
      const text = content?.cells[column] ?? "";
      if (row.cells[column] === text) continue;
      row.cells[column] = text;
      (row.texts[column] as Text).data = text;
    }
  }

  private create(index: number): Painted {
    const element = document.createElement("div");
    element.className = "row empty";
    element.setAttribute("role", this.role);
    element.ariaHidden = "true";
    if (this.idPrefix !== null) element.id = `${this.idPrefix}${index}`;
    element.style.backgroundSize = "0% 100%";
    const texts = Array.from({ length: this.columns }, () => {
      const cell = document.createElement("span");
      if (this.role === "row") cell.setAttribute("role", "cell");
      const text = document.createTextNode("");
      cell.append(text);
      element.append(cell);
      return text;
    });
    this.parent.append(element);
    return { element, texts, cells: texts.map(() => ""), className: "row empty", share: 0 };
  }
}

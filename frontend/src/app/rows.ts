/**
 * A column of equal rows that is repainted many times a second: the elements stay, and only text that differs is
 * written. React would compare the same rows again for every frame; this costs what changed.
 */
export interface RowContent {
  cells: readonly string[];
  /** Extra class names: tone, own order, chosen. */
  className: string;
  /** Length of the bar behind the row, 0 to 1. */
  share: number;
}

interface Painted {
  element: HTMLElement;
  bar: HTMLElement;
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
    private readonly idPrefix: string,
  ) {}

  get count(): number {
    return this.painted.length;
  }

  resize(count: number): void {
    while (this.painted.length > count) this.painted.pop()?.element.remove();
    while (this.painted.length < count) this.painted.push(this.create(this.painted.length));
  }

  element(index: number): HTMLElement | undefined {
    return this.painted[index]?.element;
  }

  paint(index: number, content: RowContent | null): void {
    const row = this.painted[index];
    if (!row) return;
    const className = content === null ? "row empty" : `row ${content.className}`;
    if (row.className !== className) row.element.className = row.className = className;
    const share = content?.share ?? 0;
    if (row.share !== share) {
      row.share = share;
      row.bar.style.transform = `scaleX(${share})`;
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
    element.id = `${this.idPrefix}${index}`;
    element.dataset["index"] = String(index);
    const bar = document.createElement("i");
    bar.style.transform = "scaleX(0)";
    element.append(bar);
    const texts = Array.from({ length: this.columns }, () => {
      const cell = document.createElement("span");
      if (this.role === "row") cell.setAttribute("role", "cell");
      const text = document.createTextNode("");
      cell.append(text);
      element.append(cell);
      return text;
    });
    this.parent.append(element);
    return { element, bar, texts, cells: texts.map(() => ""), className: "row empty", share: 0 };
  }
}

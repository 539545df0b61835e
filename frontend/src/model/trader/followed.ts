/** The newest rows of a list, kept up to date while somebody looks: read at once, and again whenever they may have changed. */
import { ApiError } from "../../api/http";
import { Store } from "../../reactive/store";
import type { Newest } from "./pages";

const PAGE = 100;

const RETRY_MS = 2_000;

export class Followed<T> {
  /** Null until the first answer. */
  readonly value = new Store<Newest<T> | null>(null);
  readonly problem = new Store<string | null>(null);
  private readers = 0;
  private reading: Promise<void> | null = null;
  private isOutdated = false;
  private epoch = 0;
  private wanted = PAGE;

  /** `watch` calls back whenever another answer is to be expected, until the function that it returns is called. */
  constructor(
    private readonly ask: (wanted: number) => Promise<Newest<T>>,
    private readonly watch: (changed: () => void) => () => void,
  ) {}

  /** Keeps it up to date until the returned function is called. */
  follow(): () => void {
    this.readers += 1;
    const stop = this.watch(() => this.read());
    this.read();
    return () => {
      this.readers -= 1;
      stop();
    };
  }

  /** A page more than before. */
  async older(): Promise<void> {
    this.wanted += PAGE;
    this.read();
    await this.reading;
  }

  /** The session ended or belongs to another account: nothing of the old one may stay, nor arrive late. */
  clear(): void {
    this.epoch += 1;
    this.wanted = PAGE;
    this.value.set(null);
    this.problem.set(null);
  }

  /** One request at a time: what changes meanwhile is read after it. */
  private read(): void {
    this.isOutdated = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = null;
    });
  }

  private async readAll(): Promise<void> {
    while (this.isOutdated && this.readers > 0) {
      this.isOutdated = false;
      const { epoch } = this;
      try {
        const value = await this.ask(this.wanted);
        if (epoch !== this.epoch) continue;
        this.value.set(value);
        this.problem.set(null);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (epoch === this.epoch) this.problem.set(error.message);
        this.isOutdated = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

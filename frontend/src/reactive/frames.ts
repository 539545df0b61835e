/** One requestAnimationFrame for the whole page: each piece of work asked for runs once in the next frame. */

type Work = () => void;

class Frames {
  private pending = new Set<Work>();
  /** Frames that had work to do: read by the browser tests. */
  painted = 0;

  request(work: Work): void {
    if (this.pending.size === 0) schedule(this.run);
    this.pending.add(work);
  }

  private readonly run = (): void => {
    const works = this.pending;
    this.pending = new Set();
    this.painted += 1;
    for (const work of works) work();
  };
}

function schedule(run: () => void): void {
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(run);
  else setTimeout(run, 0);
}

export const frames = new Frames();

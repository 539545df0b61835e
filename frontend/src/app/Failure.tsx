/** A route's files could not be loaded, say because the exchange was updated: the rest of the page stays, and says so. */
import { Component, type ReactNode } from "react";
import { Notice } from "../ui/Notice";

export class Failure extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <Notice role="alert" title="This part of the page could not be shown">
        <p>It may have been updated since you opened it.</p>
        <button type="button" className="small" onClick={() => location.reload()}>
          Load it again
        </button>
      </Notice>
    );
  }
}

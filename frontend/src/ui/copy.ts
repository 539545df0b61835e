/** Whether the clipboard has the text now: browsers give it to pages from this machine or by TLS alone. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

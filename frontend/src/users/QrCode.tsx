/** Text as a QR code, always dark on light: some scanners read nothing else. */
import { encodeQR } from "qr";
import { useMemo, type ReactElement } from "react";
import styles from "./security.module.css";

const QUIET = 4; // modules of margin, as the standard requires

export function QrCode({ text, label }: { text: string; label: string }): ReactElement {
  const [size, path] = useMemo(() => {
    const modules = encodeQR(text, "raw", { border: QUIET });
    const dark = modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return [modules.length, dark.join("")];
  }, [text]);
  return (
    <svg className={styles["qr"]} role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges">
      <path d={path} />
    </svg>
  );
}

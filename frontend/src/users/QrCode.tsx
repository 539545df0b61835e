/** Text as a QR code. Dark on light whatever the page's colours are, since some readers want it so. */
import { encodeQR } from "qr";
import { useMemo, type ReactElement } from "react";

const QUIET = 4; // modules around it, as the standard asks

export function QrCode({ text, label }: { text: string; label: string }): ReactElement {
  const [size, path] = useMemo(() => {
    const modules = encodeQR(text, "raw", { border: QUIET });
    const dark = modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return [modules.length, dark.join("")];
  }, [text]);
  return (
    <svg className="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges">
      <path d={path} />
    </svg>
  );
}

import type { Plugin } from "vite";

export function sections(markdown: string): Record<string, string>;
export function guide(): Plugin;

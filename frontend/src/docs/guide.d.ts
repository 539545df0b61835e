/** Made by scripts/guide.mjs: the sections of docs/api.md as HTML, by their titles. */
declare module "virtual:guide" {
  const sections: Record<string, string>;
  export default sections;
}

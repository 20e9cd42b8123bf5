/** How the page is built: into the Python package, whose server hands it out at `/`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../python/kedge/_web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would need a hole in the content security policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
    rolldownOptions: {
      output: {
        codeSplitting: { groups: [{ name: "charts", test: /lightweight-charts|fancy-canvas/ }] },
      },
    },
  },
  // `npm run dev` beside a running `kedge server --port 8700`.
  server: { proxy: { "/api": { target: "http://127.0.0.1:8700", ws: true } } },
  // A zone that is not UTC, so that a time of the machine cannot pass for one of UTC.
  test: { environment: "node", include: ["tests/**/*.test.ts"], env: { TZ: "America/New_York" } },
});

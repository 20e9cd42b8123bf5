/** Whether every word sought stands in one of the texts. */
export function matches(sought: string, texts: string[]): boolean {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  const text = texts.join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

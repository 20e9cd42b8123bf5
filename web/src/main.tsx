import { createRoot } from "react-dom/client";

import { App } from "./app/App.tsx";
import { paint } from "./app/choices.ts";
import "./style/tokens.css";
import "./style/frame.css";
import "./style/panels.css";
import "./style/tables.css";
import "./style/ladder.css";
import "./style/dialogs.css";
import "./style/narrow.css";

paint();
createRoot(document.getElementById("root")!).render(<App />);

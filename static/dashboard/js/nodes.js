// The nodes' page: taken anew from the server now and then, so that a beat does not look old because the page is.

import { regionsKept } from "./forms.js";
import { listen } from "./socket.js";

const keep = regionsKept(5000);
listen(keep);

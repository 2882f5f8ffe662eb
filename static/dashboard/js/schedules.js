// The schedules' page: taken anew from the server now and then, so that what has run and what is late shows.

import { regionsKept } from "./forms.js";
import { listen } from "./socket.js";

const keep = regionsKept(5000);
listen(keep);

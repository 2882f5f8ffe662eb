// The workers' page in motion: lanes and figures with each snapshot, what only the server knows now and then.

import { regionsKept } from "./forms.js";
import { showLanes } from "./lanes.js";
import { showScale } from "./scale.js";
import { listen } from "./socket.js";

const keep = regionsKept(5000);

listen((data) => {
  showScale(data.pool);
  if (data.live) showLanes(data.live.lanes, data.timestamp);
  keep();
});

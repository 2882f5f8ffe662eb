// The workers' page in motion.

import { showLanes } from "./lanes.js";
import { showScale } from "./scale.js";
import { listen } from "./socket.js";

listen((data) => {
  showScale(data.pool);
  if (data.live) showLanes(data.live.lanes, data.timestamp);
});

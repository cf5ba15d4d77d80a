// Runs a lane; loaded as a Worker by lane.ts.

import { serveLane } from "./serve_lane.ts";

serveLane();

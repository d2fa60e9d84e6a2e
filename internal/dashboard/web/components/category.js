// What an alert may be about.

/** @type {import("../api.js").Schemas["Category"][]} */
export const categories = ["risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other"];

"""The parts that all pages share: access, headers, assets and helpers of templates."""

"""What the pages share: access, headers, assets, helpers of templates."""

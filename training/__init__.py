"""Fine-tuning of speech encoders for phones, and the one inference path everybody uses."""

import collection  # noqa: F401  telemetry of dependencies is off before torch and transformers load

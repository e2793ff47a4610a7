"""What a Python says of itself: printed where an image has one, imported for the node's own.

It runs by the image's own Python (3.7 or later), and so uses the standard library alone.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig


def markers() -> dict[str, str]:
    """The values of the names in a requirement's marker, as the packaging specification has them (PEP 508)."""
    release = sys.implementation.version
    version = f"{release.major}.{release.minor}.{release.micro}"
    if release.releaselevel != "final":
        version += f"{release.releaselevel[0]}{release.serial}"
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "sys_platform": sys.platform,
    }


def identity() -> list[str]:
    """What chooses the wheels that fit, and where an environment looks for its interpreter."""
    tag = sysconfig.get_config_var("SOABI") or ""  # tells the C library, too
    return [platform.python_version(), tag, sysconfig.get_platform(), sys.base_prefix, sys.executable]


if __name__ == "__main__":
    print(json.dumps({"markers": markers(), "identity": identity()}))

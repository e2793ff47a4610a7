"""The button that chooses between light, dark, and what the system has."""

from __future__ import annotations

from nicegui.element import Element


class ThemeSwitch(Element, component="theme_switch.js"):
    """It works in the browser alone."""

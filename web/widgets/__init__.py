"""The dashboard's own elements: each a Python class and the Vue component that draws it, as text and shapes only."""

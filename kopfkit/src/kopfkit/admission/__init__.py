"""Admission webhooks: what is asked (`review`), where (`hooks`), and how a default is written down
(`patches`). Nothing here knows an API; `kopfkit.controller.Admission` has its types and functions.
"""

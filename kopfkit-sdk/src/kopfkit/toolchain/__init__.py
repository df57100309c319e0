"""The tools that the commands run, built from pinned Go modules where they are missing; kubectl
among them."""

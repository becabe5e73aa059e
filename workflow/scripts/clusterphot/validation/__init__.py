"""The numbers of Faisst et al. (2022, ApJL 941, L11), one by one, beside ours."""

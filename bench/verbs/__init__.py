"""What the agent of a bench site can be told to do: each public function of these files is a verb.

They need the site's Django, and are loaded in the agent alone.
"""
